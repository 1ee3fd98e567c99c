defmodule Shop.Counter do
  @moduledoc """
  This node's replica of the counter, and how it keeps up with the others.

  An increment is acknowledged once every connected peer has it, so that a node which is killed a
  moment later takes no acknowledged increment with it. A peer that is connected and stays silent,
  behind a link that was cut, say, does not hold up the others for longer than `@patience`: one
  other copy is then enough. With no other copy at all the caller gets an error. It may have been
  counted nevertheless; it was never promised.

  The replicas also meet whenever two nodes connect, when a node stops (`hand_off/0`), and by gossip
  every second, which repairs whatever a lost message left behind.

  The server itself never waits for another node: two that called each other would wait for good.
  Everything that asks peers runs in the process of the caller.
  """

  use GenServer
  require Logger

  alias Shop.GCounter

  @patience 2_000
  @gossip_interval 1_000

  def start_link(_opts), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @doc "The sum of all increments that this node knows of."
  @spec value() :: non_neg_integer()
  def value, do: GCounter.value(entries())

  @doc "Counts one up and returns the new value once the peers have it."
  @spec increment() :: {:ok, pos_integer()} | {:error, :not_replicated}
  def increment do
    {value, own_entry} = GenServer.call(__MODULE__, :increment)
    answers = ask_peers({:merge, own_entry})

    if confirmed(answers) != [] or silent(answers) == [],
      do: {:ok, value},
      else: {:error, :not_replicated}
  end

  @doc "Exchanges what this node and each of its peers know, and returns when all have answered."
  @spec synchronise() :: :ok
  def synchronise do
    for {_peer, {:reply, theirs}} <- ask_peers({:exchange, entries()}) do
      :ok = GenServer.call(__MODULE__, {:merge, theirs})
    end

    :ok
  end

  @doc "Gives all that this node knows to its peers, and returns those that confirmed."
  @spec hand_off() :: {:ok, [node()]} | {:error, :no_peer_took_over}
  def hand_off, do: hand_off(entries())

  defp hand_off(entries) do
    answers = ask_peers({:merge, entries})

    if confirmed(answers) == [] and silent(answers) != [],
      do: {:error, :no_peer_took_over},
      else: {:ok, confirmed(answers)}
  end

  defp entries, do: GenServer.call(__MODULE__, :entries)

  # Hidden nodes (remote shells, `bin/shop rpc`, observers) are not in `Node.list/0`.
  defp ask_peers(request) do
    deadline = {:abs, System.monotonic_time(:millisecond) + @patience}

    Node.list()
    |> Enum.map(&{&1, :gen_server.send_request({__MODULE__, &1}, request)})
    |> Enum.map(fn {peer, id} -> {peer, :gen_server.receive_response(id, deadline)} end)
  end

  defp confirmed(answers), do: for({peer, {:reply, _}} <- answers, do: peer)

  # An `{:error, _}` is not silence: that peer is gone, or is booting and will ask for everything.
  defp silent(answers), do: for({peer, :timeout} <- answers, do: peer)

  @impl true
  def init(nil) do
    Process.flag(:trap_exit, true)
    :ok = :net_kernel.monitor_nodes(true)
    schedule_gossip()
    {:ok, %{replica: replica_name(), entries: GCounter.new()}}
  end

  # A restarted node keeps its name but not its memory. Were it to count under the old name again,
  # its first increments would hide behind the maximum that the peers remember.
  defp replica_name do
    incarnation = Base.encode16(:crypto.strong_rand_bytes(4), case: :lower)
    "#{node()}##{incarnation}"
  end

  @impl true
  def handle_call(:entries, _from, state), do: {:reply, state.entries, state}

  def handle_call(:increment, _from, state) do
    entries = GCounter.increment(state.entries, state.replica)
    reply = {GCounter.value(entries), Map.take(entries, [state.replica])}
    {:reply, reply, %{state | entries: entries}}
  end

  def handle_call({:merge, entries}, _from, state), do: {:reply, :ok, merge(state, entries)}

  def handle_call({:exchange, entries}, _from, state) do
    state = merge(state, entries)
    {:reply, state.entries, state}
  end

  @impl true
  def handle_cast({:merge, entries}, state), do: {:noreply, merge(state, entries)}

  @impl true
  def handle_info({:nodeup, peer}, state) do
    tell(peer, state)
    {:noreply, state}
  end

  def handle_info({:nodedown, _peer}, state), do: {:noreply, state}

  def handle_info(:gossip, state) do
    if Node.list() != [], do: tell(Enum.random(Node.list()), state)
    schedule_gossip()
    {:noreply, state}
  end

  @impl true
  def terminate(_reason, state) do
    case hand_off(state.entries) do
      {:ok, peers} -> Logger.info("counter handed off to #{inspect(peers)}")
      {:error, reason} -> Logger.error("counter not handed off: #{reason}")
    end
  end

  defp merge(state, entries), do: %{state | entries: GCounter.merge(state.entries, entries)}

  defp tell(peer, state), do: GenServer.cast({__MODULE__, peer}, {:merge, state.entries})

  defp schedule_gossip, do: Process.send_after(self(), :gossip, @gossip_interval)
end
