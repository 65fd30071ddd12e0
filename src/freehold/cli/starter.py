"""The freehold.toml that `freehold init` writes: small, commented, and good enough to run."""

STARTER = """\
# freehold.toml: what you can run on, and the rules for choosing.
# Every setting is explained by `freehold config explain`; check this file with `freehold check`.
#
# The three homes below are pocket homes: small local processes that stand in for three vendors, so that all
# of this works on a laptop. Start one with `freehold pocket serve --port 4110`, and the gateway with
# `freehold up`.

[estate]
name = "starter"

# --- Models: one table for each model that a home serves. Facts left out are unknown.

[models.pocket]

# --- Homes: the concrete places where work can run.
# For a real one, set `url` and name its key by reference, never the key itself:
#   credential = "env:ANTHROPIC_API_KEY"      (also file:PATH and cmd:COMMAND)

[homes.bedrock-use1]
vendor = "aws"
region = "us-east-1"
silicon = "trainium2"
api = "openai"
model = "pocket"
url = "http://127.0.0.1:4110"
needs = ["office-sso"]

[homes.vertex-euw4]
vendor = "google"
region = "europe-west4"
silicon = "tpu-v6e"
api = "openai"
model = "pocket"
url = "http://127.0.0.1:4111"
needs = ["office-sso"]

[homes.foundry-swc]
vendor = "microsoft"
# operator = "..."          # who runs the silicon, where the catalog does not know better
region = "swedencentral"
api = "openai"
model = "pocket"
url = "http://127.0.0.1:4112"
needs = ["office-sso"]
# price = { input_usd_per_mtok = 3.00, output_usd_per_mtok = 15.00, source = "...", as_of = 2026-01-31 }

# --- Services: what homes stand on, and what can fail by itself. What a home stands on at its vendor (region,
# sign-in, DNS, quota, operator) comes from the catalog by vendor, api and region: `freehold map` tells it,
# and `freehold catalog list aws` what is known. Here is what only you know; this is under all three homes.

[services.office-sso]
kind = "identity"
name = "our own sign-in"
# outages_per_year = 2      # with rates, `freehold cuts chat` tells the expected downtime
# hours_per_outage = 1

# --- Policies: what must hold.

[policies.spread]
homes_min = 2
distinct = ["vendor", "region"]
on_cut = "error"        # also continue, reask, restart

# --- Workloads: what you run. A caller names one as its `model`.

[workloads.chat]
kind = "serve"
homes = ["bedrock-use1", "vertex-euw4", "foundry-swc"]
policy = "spread"

# --- The gateway. These are the defaults.

[gateway]
host = "127.0.0.1"
port = 4100
admin_port = 4101

[gateway.timeouts]
connect = "5s"
first_content = "60s"
"""
