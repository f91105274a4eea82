"""Programs' doors to SCEP profiles and issued certificates."""
