"""Programs' doors to tokens, sessions, the enrollment log and a device's timeline."""
