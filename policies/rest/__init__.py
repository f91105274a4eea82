"""Programs' doors to groups, policies, their items, and how far a device is from them."""
