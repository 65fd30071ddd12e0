"""The published test keys. Their private halves are here for everybody to see, so they prove nothing.

That is what they are for: evidence signed by them is complete in every byte and refused by every policy but
one that says `test_roots = true`. Keys on curves are derived from their names; RSA keys are kept as two
primes, as finding primes takes seconds.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_SEED = "freehold published test key: "
_ORDERS = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": int(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16
    ),
}
_CURVES: dict[str, ec.EllipticCurve] = {"secp256r1": ec.SECP256R1(), "secp384r1": ec.SECP384R1()}
PRIMES = {
    "ark-milan": (
        "3UgzsLfeBn6qGN1xZX9Bj0U1VTFFObm+iDz5H+IT50Px4vKsKPCWiez8U4sBp8Y15H325TjpDLxXH3gzOmYDKfSodBn73vPk"
        "Hm1KW4rhfRmcU1G5pNgOjG4SgLW8tB6onNB1Cnrzjcl3X+/CK8+SKn2nOvoWekdeUJK/MO+zLAcUNlf3W0lVPzZPkwWS60Sz"
        "7fx7h0ga/vJQnAji9tC/lrJo6/MLpeNTZgjSPvmzytN/ta4IibRS2ROf/8ZWpZVKCmvIvw9ZvALGzEAiaJzap+GSS+ukkUg4"
        "1MDgapcAU0eWVj/vytC+3y85xpHB17yvtoUFWt99pD04i+BlcC/W+bYN5Wa4PiMp0Qip0SXgM3Kk0F8bZlxfFALl9mlnz+81"
        "TrP6MJJlGEP3Qtfj5/SYGLqUXvnIfnYXHAKl+3NSeWtHYl+C/5eAdeI0jpqG/zh2KhBoZteXv2VTp3lyQ995XyhczZEhX2qU"
        "Hiq0T7NX1GOsm8dCUn3zHvE1vr1bX+NVVxWadzkPmbz+ePEQsY6fif8WZyN0UEWZZtE5+EHPLARjQd3/8DM1yJNo9Qkkl8wH"
        "Tt3W8NPwVtY0GqeZcULsbnGiwBz1SH//+BwDR05k/PDIpxgVYBCl/HPD2BuyC4X2HT25puE4kwIp++5KI1vzGBzsZc8ONn+u"
        "GAq+MyeYVUM="
    ),
    "ark-genoa": (
        "wH/2F0LK20q5NbwbCNVwY68YEakGzVf8UNgPMAfC8DWEORi71+FApaFxsMPXDAncUhFm/dhHDUmOuqLYgV9UdsSjhrn7DTdz"
        "9iv0drimbR5AnyPJRw59rONmhS4wVY6hMM2MXeSWnEbIMPqWPvBM6SyGxdsi4L5F4i0BrVdRsGYhsXUu63Jmmt9U/QbiCpcV"
        "FnqTznoJZf+ExS4UQa6LnkmdBSsUI+9tgQP7+K3f1ul3ffPjBCUErgpBCZP7m+l9obrp3lueUSHC9z2KnWSphDM5ZDx4KTnP"
        "5+FiZxKcKID2C9C51mZEnYskdNvhgn/sx/f2XR3xzx3Mt+Qp50aSr7i3+sDUwKcxk+gFy4QUOE8HvMGUftA2B0gqBzArwMwJ"
        "cluFzOfTK9zYIKId7WiuHRpdK0T6IzdsIDdXsdJ5Gl/TDCTTxsA/DBHmQIcAxEeEnm0hxp+KwLgowyrT8U2OLG74JuRFOxza"
        "jmzbTQEL5XK+1LHhBNBAbIxtV4EC25A/RMqxd9xZszVBszqTJ7Ui8SV40nuZ8Fvlf2oJwN+DGPKbDKDQePhQX6sjDGPWXX32"
        "zEk9nj/hu1G+yXaM5bVVgdYKw+99CvfHN1stGUGOdAk8NSNgerZ5V2UVa9PYkyuuVHde9mwd7xgHf679DdhCg8pHkWntwhVm"
        "NH+rbHwLJeE="
    ),
    "ark-turin": (
        "+aDMRdkcZ6w+V3St3YHdrJ+yCVol0wCukvL1mF0gR9czcKsiJpbUaEc/lEKuFNW+XrOKmmZh8nmAzDWOILJI/jPDWnXKKagP"
        "VwU94gfYfsFB9+xj9WvbVmH5Fg16CI4RovBaRvJvQKgF2jY606Ek5MjolkKlx2A7yOVthqJLwDAxt/bWovaHJpumuSHy9y7h"
        "XBtUE87S26l9yze1m1ZyCmibV2s1lkHmiYeMveRfDonxc4hY2jLjX1EJjwQnLQjLp9sdZTjsczttQtIAMLi1chHapMIIjYHf"
        "J9mj1syswOI9U60Nx8DpVLLdIwJ1xrs936rOl3Sg7lXNUiARycvakd01wvLIlM/BNy+89QQ8KupHyNhcRw583BBW7cCxNz7C"
        "qZrQr8PXi7mUIy917spJdVBqXCnw/jkEppzpwohWm4TTufdpIKLy1yxlLrr6eyjca4aCheUgQauX4C/1Srm6darw0B8LXdH3"
        "k7p0Oni3xEPimThZcEjEYQvqd6mkhnOAOe0rqhyCX1WHzpNMALYzbudNT+DPsefMZgcJAFqxYjhGcVOCe4RNaDpuqyG4vrW0"
        "huHjsk/DxSg1rbgUzDrFbtx5Vazh2KP9KTG+dU3kirl18rgy0juRO60DKd+VWZWuSjXSRU0WPePTgoqmzcW+Z35dSk2FXkxL"
        "c6YrKXqdAak="
    ),
    "ask": (
        "w2U0TsrwYjrR8DSiz8kcBjT4rA9+PoVVLKxNvMsuXFCKmdDWRSaXWlSDJbKPRpTn3K8ILblSpU6nnqyepX7ZvmK6mieAYXG/"
        "ShMOrzsHXEG1viYsRrOkMAPmPPTZsG7OHdAk3oivv+5PBtA7uL4zDyq25qLzNgnmrI0keD8WVqyFNx0W69b/msjNe+ffJNDP"
        "Ash1h/U27fC8ustwvW62wa6358811q40qfhnlIVluYqSCot7kbStK5h5RJV4AmcWhsvZHN4cNzeJE47vosBTDeEDm3bhwiru"
        "35QfWnWDeX73NBAnVbtID2Znm/eei4g/kZvqZgNKwOgZtqYK447RH7gR8lpCh8TC3A9RCvpRvhlm5SX/tmGKQLOk3hvpokf0"
        "ET9cBwHL74Tet77xpzDH4u/ck6MJl9OCK/bwFMTw2L/6j1oD2mSGHIaN9N7n8/f5lLuwVUutr0l+iZrhVQOPzWSid76/j/NT"
        "4QTK8kejMEBXYJ061ioK5iZySzWj5xtGxCen+S7L63J/QV9itKl/913j0B+3r2QhA6k/LPBEPHYIZUHOpc5tCv5Cd/0BlWQr"
        "lhr5PVCBY0/89id3ApH1op+sGVMsTZKU2H52Bs8HcxYzqAq+UYyHu3RPnxB8xisDjiAJKnuaXm+ARhJRhmJNyzzkar9o+0m9"
        "QKhUiZW1JNE="
    ),
    "tpm": (
        "/8FfTsUqzf4yNpJFtRC9ib9Fl3OEhSjQfHajgk75eytOFnQ8FyviTm2DOTEfM19QOfb1Goe0htkH3a7H3rMr4R/iOpJsAKNr"
        "h3olmQhwTwphEKVkavdI72cHu82K49BJP2qQ14Gf7Y0tosMggLGTRh4OVtn8o5X26pfqb0nTHtHpw77OysECQcwZbfJdCX7m"
        "05K7/bEchRjxNFV8CkLuSg7tYNLL3jDal9M4ZlaCO0QDY4pL48q/sMVoy0spneXg+bHjnTlT8ITKabxTXuFrMzgQOizvuhNJ"
        "swwyZRc0XPAQdTbhiehcfhUF6qPy37cwaPoKIdQ52Ojgw29DHcMizQ=="
    ),
}
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def curve_key(name: str, curve: str) -> ec.EllipticCurvePrivateKey:
    digest = hashlib.sha512(f"{_SEED}{curve} {name}".encode()).digest()
    return ec.derive_private_key(int.from_bytes(digest, "big") % (_ORDERS[curve] - 1) + 1, _CURVES[curve])


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    raw = base64.b64decode(PRIMES[name])
    p, q = int.from_bytes(raw[: len(raw) // 2], "big"), int.from_bytes(raw[len(raw) // 2 :], "big")
    e = 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p, q=q, d=d, dmp1=d % (p - 1), dmq1=d % (q - 1), iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(e, p * q),
    )  # fmt: skip
    return numbers.private_key()


def spki_of(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
