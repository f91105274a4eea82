"""How a push comes to APNs and its answer back; what it is for is the affair of services.push.

A channel for each push certificate repeats and slows down, a line says which push is whose and
for how long, a connection has the socket.
"""
