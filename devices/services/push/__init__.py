"""Whom to wake, and what became of it.

requests and poke ask for a push in its row, announcement starts the task, sending takes the rows
in hand (claims) and sends them (services.apns), outcomes writes the answers; stops and alarms say
when nothing can be pushed for a topic.
"""
