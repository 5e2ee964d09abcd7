"""Stand-ins for Aircall and HubSpot that speak their wire contracts over real HTTP.

They run in a process of their own and the product never imports them; it only gets their base URLs.
Everything here works without Django, except the two management commands.
"""
