"""A .pkg: a signed distribution package, the only kind that a Mac takes from an MDM server.

Source: Apple, Distribution XML reference; InstallEnterpriseApplication.
"""

from typing import IO
from xml.etree.ElementTree import Element

from devices.protocol.platform import MACOS
from policies.errors import PackageInvalid
from policies.protocol.packages.facts import PKG, PackageFacts
from policies.protocol.packages.xar import Xar, read_file, read_xar
from policies.protocol.packages.xml_tree import decode_xml

DISTRIBUTION, PACKAGE_INFO = "Distribution", "PackageInfo"
MAX_DISTRIBUTION = 4 * 1024 * 1024
LONGEST = 255
IS_COMPONENT = (
    "This is a component package; Macs take distribution packages from a server. Make one of it: "
    "productbuild --package component.pkg --sign “Developer ID Installer: …” product.pkg"
)
IS_UNSIGNED = (
    "The package is not signed; Macs refuse it from a server. Sign it: "
    "productsign --sign “Developer ID Installer: …” product.pkg signed.pkg"
)


def decode_installer_package(file: IO[bytes]) -> PackageFacts:
    """Read what a .pkg says of itself; raises PackageInvalid with what to do about it."""
    archive = read_xar(file)
    distribution = _read_distribution(file, archive)
    if not archive.signer:
        raise PackageInvalid(IS_UNSIGNED)
    bundles = _list_apps(distribution)
    product = _find_product(distribution)
    # A Mac lists apps, not products: so the app's names, where the package brings just one.
    only_app = next(iter(bundles.items())) if len(bundles) == 1 else None
    identifier, version = only_app or product
    title = " ".join((distribution.findtext("title") or "").split())
    return PackageFacts(
        kind=PKG,
        identifier=identifier,
        version=version or product[1],
        title=title[:LONGEST] if title and title.isprintable() else identifier,
        minimum_os=_find_minimum_os(distribution),
        platforms=(MACOS,),
        bundles=bundles,
        signer=archive.signer[:LONGEST],
    )


def _read_distribution(file: IO[bytes], archive: Xar) -> Element:
    entry = archive.files.get(DISTRIBUTION)
    if entry is None:
        is_component = PACKAGE_INFO in archive.files
        raise PackageInvalid(IS_COMPONENT if is_component else "The package has no Distribution.")
    data = read_file(file, entry, limit=MAX_DISTRIBUTION)
    return decode_xml(data, what="The package's Distribution")


def _find_product(distribution: Element) -> tuple[str, str]:
    """Return identifier and version: the product's, else those of its first component."""
    product = distribution.find("product")
    chosen = [product] if product is not None else []
    references = [*chosen, *distribution.iter("pkg-ref")]
    identifier = next((text for each in references if (text := _get(each, "id"))), "")
    versions = (_get(each, "version") for each in references)
    version = next((text for text in versions if text and text != "0"), "")
    if not identifier or not version:
        raise PackageInvalid("The package's Distribution names no product with a version.")
    return identifier, version


def _list_apps(distribution: Element) -> dict[str, str]:
    """Return version by bundle identifier of each app that is not inside another."""
    found: dict[str, str] = {}
    for bundle in distribution.iter("bundle"):
        path = bundle.get("path", "")
        if path.endswith(".app") and path.count(".app") == 1 and _get(bundle, "id"):
            version = _get(bundle, "CFBundleShortVersionString") or _get(bundle, "CFBundleVersion")
            found[_get(bundle, "id")] = version
    return found


def _find_minimum_os(distribution: Element) -> str:
    return next((_get(each, "min") for each in distribution.iter("os-version")), "")


def _get(element: Element, name: str) -> str:
    text = element.get(name, "").strip()
    return text if text.isprintable() and len(text) <= LONGEST else ""
