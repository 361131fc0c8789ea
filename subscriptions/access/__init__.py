"""Who may call: clients, their tokens, and the keys that sign them.

Reading order: clients, access_tokens, keyring, openid.
"""
