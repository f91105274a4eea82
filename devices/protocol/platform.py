"""Which of Apple's platforms a device is, from the names it gives of itself."""

IOS, IPADOS, MACOS, OTHER = "ios", "ipados", "macos", "other"

PREFIXES = (
    ("ipad", IPADOS),
    ("iphone", IOS),
    ("ipod", IOS),
    ("macbook", MACOS),
    ("macmini", MACOS),
    ("macpro", MACOS),
    ("imac", MACOS),
    ("virtualmac", MACOS),
    ("mac", MACOS),
    # Macs that are tried in virtual machines of others than Apple.
    ("vmware", MACOS),
    ("parallels", MACOS),
)


def get_platform(*names: str) -> str:
    """Return `ios`, `ipados`, `macos` or `other` for Model, ModelName, ProductName in any order.

    Identifiers look like `iPad13,4`, `Mac14,2`, `VirtualMac2,1`; marketing names like
    `MacBook Pro`. The first name that says something decides.
    """
    for name in names:
        folded = name.replace(" ", "").lower()
        for prefix, platform in PREFIXES:
            if folded.startswith(prefix):
                return platform
    return OTHER
