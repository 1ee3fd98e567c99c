defmodule Shop.Versions do
  @moduledoc """
  With `SHOP_CRASH=mixed`: ends this node when it meets one that runs another version of the shop.

  So it stands in for versions that do not understand each other. Nodes tell each other their version
  whenever they connect; which of the two starts first makes no difference.
  """

  use GenServer
  require Logger

  def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(nil) do
    if Application.get_env(:shop, :crash) == "mixed" do
      :ok = :net_kernel.monitor_nodes(true)
      Enum.each(Node.list(), &tell/1)
      {:ok, nil}
    else
      :ignore
    end
  end

  @impl true
  def handle_info({:nodeup, peer}, state) do
    tell(peer)
    {:noreply, state}
  end

  def handle_info({:nodedown, _peer}, state), do: {:noreply, state}

  def handle_info({:version, peer, version}, state) do
    if version != Shop.version() do
      Logger.error("SHOP_CRASH=mixed: #{peer} runs version #{version}")
      System.halt(1)
    end

    {:noreply, state}
  end

  defp tell(peer), do: send({__MODULE__, peer}, {:version, node(), Shop.version()})
end
