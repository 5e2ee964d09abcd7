"""smsadmin sends text messages for workflows, call flows, agents and programs."""

__version__ = "0.1.0"
