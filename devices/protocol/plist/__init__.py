"""Property lists: the one reader of those that come from outside, and the writer."""

from devices.protocol.plist.decoding import decode_plist
from devices.protocol.plist.encoding import encode_exactly, encode_plist, nest_plist, read_back

__all__ = ["decode_plist", "encode_exactly", "encode_plist", "nest_plist", "read_back"]
