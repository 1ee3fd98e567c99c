defmodule Shop.Application do
  @moduledoc """
  Starts the shop, and drains it when the node is told to stop.

  The order of the children is the order of trust: the counter is there before anybody can be
  met or served, and, since shutdown goes backwards, it is the last to go and hands its state off
  when no request can change it any more.
  """

  use Application
  require Logger

  @impl true
  def start(_type, _args) do
    if Application.get_env(:shop, :crash) == "boot", do: raise("SHOP_CRASH=boot")
    Shop.Leak.start(Application.get_env(:shop, :leak, 0))
    Shop.Flood.start(Application.get_env(:shop, :flood, 0))

    Shop.Epmd.start(Application.get_env(:shop, :node))
    Logger.info("shop #{Shop.version()} starts as #{node()}")

    Supervisor.start_link(children(), strategy: :one_for_one, name: Shop.Supervisor)
  end

  # `init:stop/0`, and with it SIGTERM, `bin/shop stop` and `System.stop/0`, comes by here while
  # every child still runs.
  @impl true
  def prep_stop(state) do
    try do
      Shop.Drain.run()
    rescue
      error -> Logger.error("stopping although the drain failed: #{Exception.message(error)}")
    end

    state
  end

  defp children do
    [
      Shop.Versions,
      Shop.Counter,
      {Task.Supervisor, name: Shop.Cluster.Connecting},
      {Shop.Cluster, query: cluster_query()},
      {Task.Supervisor, name: Shop.Http.Connections},
      {Shop.Http.Listener, port: Application.fetch_env!(:shop, :port)}
    ]
  end

  defp cluster_query do
    case Application.get_env(:shop, :srv_query) do
      nil -> Application.get_env(:shop, :dns_cluster_query)
      query -> {:srv, query}
    end
  end
end
