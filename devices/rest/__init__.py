"""Programs' doors to devices, their commands and the push certificate."""
