"""What a storefront says that it shows, met with what it was told last: our echo, its sale, or somebody's hand."""

from __future__ import annotations

from decimal import Decimal

from commerce_bridge.bridge.protocols import Outcome

NOT_LISTED = "Not listed here"


def judged(shown: Decimal, last_pushed: Decimal | None) -> tuple[Outcome, bool]:
	"""What is made of a level, and whether it is to be pushed again.

	:param last_pushed: None where it is not known: nothing was, or it is being pushed anyway
	"""
	if last_pushed is None:
		return Outcome("Skipped", "What was last sent there is not known: it is sent, or was never"), False
	if shown == last_pushed:
		return Outcome("Skipped", "What we sent last"), False
	if shown > last_pushed:
		text = f"The shop shows {shown:f}, we sent {last_pushed:f}: what there is is sent again"
		return Outcome("Succeeded", text), True
	text = f"The shop shows {shown:f}, we sent {last_pushed:f}: probably a sale on its way"
	return Outcome("Succeeded", f"{text}; the nightly comparison puts right what is none"), False
