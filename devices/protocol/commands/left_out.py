"""Commands of Apple's catalogue that no row of the table stands for, and why."""

SETUP_ASSISTANT = (
    "only devices of Automated Device Enrollment wait in Setup Assistant for it; one that was "
    "enrolled over the air has left it long ago"
)
APP_MANAGEMENT = "it is sent with an app and its configuration, not by hand"
LEFT_OUT = {
    "AccountConfiguration": SETUP_ASSISTANT,
    "DeviceConfigured": SETUP_ASSISTANT,
    "UserConfigured": SETUP_ASSISTANT,
    "InstallEnterpriseApplication": APP_MANAGEMENT,
    "ManagedApplicationConfiguration": APP_MANAGEMENT,
    "ManagedApplicationFeedback": APP_MANAGEMENT,
}
