"""News of devices; received in receivers.py of this app and of those above it.

Every signal is sent inside the transaction that makes it true, so receivers only write
rows or start tasks on commit. Only command_finished comes after it where the command was all that
there was to write. Arguments by name:
"""

from django.dispatch import Signal

device_authenticated = Signal()  # enrollment, caller: Caller
device_enrolled = Signal()  # enrollment, caller, renewed: bool (another was live until now)
device_connected = Signal()  # enrollment, caller, now: it asks for its first command
device_reenrolled = Signal()  # enrollment, before: the one of this device before it
device_checked_out = Signal()  # enrollment
enrollment_ended = Signal()  # enrollment, for whatever reason: its identity is to be revoked
# code, message, udid, session_id, detail, caller: Caller, challenge: the URL's, which is a secret
# and tells by whose profile a message came whose sender proved nothing
device_message_refused = Signal()
device_deleted = Signal()  # device, whose row is about to go; session_id: its last one's; actor
device_group_changed = Signal()  # device
group_deleting = Signal()  # group, before it goes; what needs it no more lets go of it
device_status_changed = Signal()  # device
device_fell_silent = Signal()  # enrollment, message: why it has probably left
device_heard_again = Signal()  # enrollment, of a device that was given up, for silence or a 410
command_finished = Signal()  # command
profiles_reported = Signal()  # enrollment
applications_reported = Signal()  # enrollment
identity_renewed = Signal()  # enrollment, certificate: IssuedCertificate, the new one
renewal_failed = Signal()  # enrollment, message; it is tried again
recovery_key_lost = Signal()  # enrollment, command: its Mac has a new one that nobody can read
push_requested = Signal()  # target: Enrollment or UserChannel
push_failed = Signal()  # enrollment, code, message
push_certificate_expiring = Signal()  # certificate: PushCertificate, days left (-1: expired)
push_stopped = Signal()  # topic, code, message; nothing is pushed for the topic now
bulk_requested = Signal()  # bulk
