defmodule Shop.Drain do
  @moduledoc """
  Takes this node out of service without losing a request or a count.

  1. `/health/ready` answers 503 from now on, and every response closes its connection.
  2. Requests under way are finished and idle connections closed, for `SHOP_DRAIN_SECONDS` at most.
  3. The counter is handed to the peers.

  The node goes on serving what still reaches it: endpoints take a while to change, and a refused
  request would be a failed one. Draining twice does no harm.
  """

  require Logger

  @doc """
  Drains the node and returns when it may be stopped: `bin/shop rpc "Shop.Drain.run()"`.

  Raises when there are peers and none of them took the counter over.
  """
  @spec run() :: :ok
  def run do
    if Application.get_env(:shop, :drain) == "hang", do: Process.sleep(:infinity)

    Shop.Readiness.drain()
    open = Shop.Http.Connection.drain_all(Application.fetch_env!(:shop, :drain_timeout))
    if open > 0, do: Logger.warning("#{open} connections are still open after the drain time-out")

    case Shop.Counter.hand_off() do
      {:ok, peers} -> Logger.info("drained; counter handed off to #{inspect(peers)}")
      {:error, :no_peer_took_over} -> raise "no peer took the counter over"
    end
  end
end
