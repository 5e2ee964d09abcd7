"""Sender names: who may be called what in which country, and build mode, in which only our own phones are texted."""
