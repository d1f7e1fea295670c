"""How the fulfilments of WooCommerce call carriers: by a key, which its forms and mails show as a name and a logo.

The list is that of WooCommerce 10.2; a carrier that is not on it is "other", with its name beside it.
https://developer.woocommerce.com/docs/apis/rest-api/v3/order-fulfillments/
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

#: Key of a carrier that WooCommerce does not know.
OTHER = "other"
#: Key → name, where the name says more than the key does.
_NAMED = {
	"bartolini-brt": "Bartolini (BRT)",
	"ceska-posta": "Česká pošta",
	"evri-hermes": "Evri (Hermes)",
	"hrvatska-posta": "Hrvatska Pošta",
	"islandspostur": "Íslandspóstur",
	"itella": "Smartposti (Itella)",
	"la-poste-colissimo": "La Poste / Colissimo",
	"lasership-ontrac": "LaserShip/OnTrac",
	"makedonska-posta": "Makedonska Pošta",
	"osterreichische-post": "Österreichische Post",
	"posta-moldovei": "Poșta Moldovei",
	"posta-romana": "Poșta Română",
	"posten-norge-bring": "Posten Norge / Bring",
	"slovenska-posta": "Slovenská pošta",
	"yurtici-kargo": "Yurtiçi Kargo",
	"zasilkovna": "Zásilkovna",
}
_KEYS = """
	acs-courier amazon-logistics an-post aras-kargo australia-post azerpost belpochta bpost bulgarian-posts
	canada-post cdek chronopost correos ctt cyprus-post deutsche-post dhl dpd econt eimskip elta fan-courier fastway
	fedex geniki-taxydromiki gls haypost helthjem inpost kazpost latvijas-pasts liechtensteinische-post magyar-posta
	maltapost matkahuolto mondial-relay mpl mrw new-zealand-post nova-poshta omniva parcelforce poczta-polska
	post-luxembourg poste-italiane poste-san-marino postnl postnord purolator royal-mail russian-post sda seur
	spee-dee-delivery startrack swiss-post toll ukrposhta ups urgent-cargus usps
""".split()


class Provider(NamedTuple):
	"""A carrier as a fulfilment names it: `name` only where `key` is "other"."""

	key: str
	name: str


def plain(name: str) -> str:
	"""A name without what its spellings differ in: case, accents, blanks, punctuation."""
	letters = unicodedata.normalize("NFKD", name.replace("ı", "i")).casefold()
	return "".join(letter for letter in letters if letter.isalnum())


_KEY_OF = {plain(key): key for key in (*_KEYS, *_NAMED)} | {plain(name): key for key, name in _NAMED.items()}
#: Halves of double names that mean nobody else.
_KEY_OF |= {
	"brt": "bartolini-brt",
	"bring": "posten-norge-bring",
	"colissimo": "la-poste-colissimo",
	"evri": "evri-hermes",
	"laposte": "la-poste-colissimo",
	"ontrac": "lasership-ontrac",
	"packeta": "zasilkovna",
	"smartposti": "itella",
}


def provider_of(carrier: str | None) -> Provider:
	"""The carrier as WooCommerce calls it, however it is spelled here; ("", "") for none."""
	text = " ".join((carrier or "").split())
	if not text:
		return Provider("", "")
	key = _KEY_OF.get(plain(text))
	return Provider(key, "") if key else Provider(OTHER, text)
