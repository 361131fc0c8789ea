"""Parcels on the wire: parcels, signing, guard, transport, credentials, sender, challenge."""
