"""Commands of `bench`: Frappe finds them in `commands`."""

from __future__ import annotations

import click
import frappe
from frappe.commands import get_site, pass_context

from commerce_bridge.bridge.errors import BridgeError
from commerce_bridge.connectors.shopify.adoption import ECOMMERCE_INTEGRATIONS
from commerce_bridge.erpnext import adoption


@click.command("adopt-links")
@click.argument("channel")
@click.option("--apply", "write", is_flag=True, help="Write it. Without this, only says what would be done.")
@pass_context
def adopt_links(context: object, channel: str, write: bool) -> None:
	"""Takes over what Ecommerce Integrations linked for the shop of CHANNEL, so that nothing is made twice."""
	frappe.init(site=get_site(context))
	frappe.connect()
	try:
		report = adoption.adopt(channel, ECOMMERCE_INTEGRATIONS, write=write, progress=click.echo)
	except (frappe.ValidationError, BridgeError) as error:
		raise click.ClickException(str(error)) from None
	finally:
		frappe.destroy()
	for line in report.lines():
		click.echo(line)
	if not write:
		click.echo("Nothing was written. Repeat with --apply to do it.")


commands = [adopt_links]
