"""What differs between an iPhone, an iPad and a Mac as a server sees them."""

from dataclasses import dataclass, replace

IPHONE_SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)
IPAD_SAFARI = (
    "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)
# An iPad asks for desktop pages by default and then looks exactly like a Mac.
MAC_SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Safari/605.1.15"
)


@dataclass(frozen=True)
class SignatureShape:
    """How the Mdm-Signature is made: see `cms.sign_detached`."""

    ber: bool
    attributes: bool
    digest: str


SIGNATURE_SHAPES = {
    "ber-sha256": SignatureShape(ber=True, attributes=False, digest="sha256"),
    "ber-sha1": SignatureShape(ber=True, attributes=False, digest="sha1"),
    "der-sha256": SignatureShape(ber=False, attributes=True, digest="sha256"),
}


@dataclass(frozen=True)
class Platform:
    """One kind of device; capacity in GB (2^30 bytes).

    factory: the digest under the certificate that it leaves the factory with.
    """

    name: str
    safari: str
    mdm_agent: str
    scep_agent: str
    product_name: str
    model: str
    model_name: str
    os_version: str
    build_version: str
    capacity: float
    signature: SignatureShape
    scep_ber: bool
    cellular: bool
    factory: str

    @property
    def is_mac(self) -> bool:
        return self.name == "macos"

    def as_mac(self) -> "Platform":
        """The same device whose Safari asks for desktop pages."""
        return replace(self, safari=MAC_SAFARI)


IOS = Platform(
    name="ios",
    safari=IPHONE_SAFARI,
    mdm_agent="MDM/1.0 CFNetwork/1568.200.51 Darwin/24.1.0",
    scep_agent="profiled/1.0 CFNetwork/1568.200.51 Darwin/24.1.0",
    product_name="iPhone16,1",
    model="MTUW3LL/A",
    model_name="iPhone",
    os_version="18.1",
    build_version="22B83",
    capacity=119.2,
    signature=SIGNATURE_SHAPES["ber-sha256"],
    scep_ber=True,
    cellular=True,
    factory="sha1",
)
IPADOS = replace(
    IOS,
    name="ipados",
    safari=IPAD_SAFARI,
    product_name="iPad14,8",
    model="MV2C3LL/A",
    model_name="iPad",
    capacity=238.4,
    signature=SIGNATURE_SHAPES["der-sha256"],
    scep_ber=False,
    cellular=False,
    factory="sha256",
)
MACOS = Platform(
    name="macos",
    safari=MAC_SAFARI,
    mdm_agent="MDM-OSX/1.0 mdmclient/1622",
    scep_agent="mdmclient/1622 CFNetwork/1568.200.51 Darwin/24.1.0",
    product_name="Mac15,12",
    model="Mac15,12",
    model_name="MacBook Air",
    os_version="15.1",
    build_version="24B83",
    capacity=460.4,
    signature=SIGNATURE_SHAPES["ber-sha1"],
    scep_ber=True,
    cellular=False,
    factory="sha256",
)
PLATFORMS = {platform.name: platform for platform in (IOS, IPADOS, MACOS)}
