"""Commands of Apple's catalogue that no row of the table stands for, and why."""

SETUP_ASSISTANT = (
    "only devices of Automated Device Enrollment wait in Setup Assistant for it; one that was "
    "enrolled over the air has left it long ago"
)
LEFT_OUT = {
    "AccountConfiguration": SETUP_ASSISTANT,
    "DeviceConfigured": SETUP_ASSISTANT,
    "UserConfigured": SETUP_ASSISTANT,
}
