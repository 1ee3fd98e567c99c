import Config

# Everything that differs between two places the same image runs in comes from the environment,
# read once at boot. README.md lists the variables.
config :shop,
  port: String.to_integer(System.get_env("PORT", "4000")),
  dns_cluster_query: System.get_env("DNS_CLUSTER_QUERY"),
  node: System.get_env("SHOP_NODE"),
  srv_query: System.get_env("SHOP_SRV_QUERY"),
  drain_timeout: 1_000 * String.to_integer(System.get_env("SHOP_DRAIN_SECONDS", "20")),
  migration_file: System.get_env("SHOP_MIGRATION_FILE", "/tmp/shop-migrations"),
  crash: System.get_env("SHOP_CRASH"),
  leak: String.to_integer(System.get_env("SHOP_LEAK", "0")),
  flood: String.to_integer(System.get_env("SHOP_FLOOD", "0")),
  ready: System.get_env("SHOP_READY"),
  drain: System.get_env("SHOP_DRAIN"),
  migration: System.get_env("SHOP_MIGRATION")
