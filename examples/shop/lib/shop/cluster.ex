defmodule Shop.Cluster do
  @moduledoc """
  Finds the other nodes by DNS, the way `dns_cluster` does, and connects to them.

  Every second the name in `DNS_CLUSTER_QUERY` is looked up (A and AAAA), and each address that
  comes back is a node called `<our basename>@<address>`. Where nodes have names in DNS instead of
  addresses, the name in `SHOP_SRV_QUERY` is looked up (SRV), and each target that comes back is the
  host of a node. Nothing is ever disconnected: an address that vanished from DNS may be a node that
  still hands its state over.

  The node has joined, and may become ready, once every address of the first answer was tried and the
  counter was exchanged with whoever answered. Else a rollout could take the last node that knows
  the counter away before the new one has met it.
  """

  use GenServer
  require Logger

  @interval 1_000

  @typedoc "A name whose addresses, or whose SRV targets, are the hosts of nodes."
  @type query :: String.t() | {:srv, String.t()}

  @typedoc "Looks a name up: `{:ok, []}` says that it has no host, an error that nobody knows."
  @type resolver :: (query() -> {:ok, [:inet.ip_address() | charlist()]} | {:error, term()})

  @doc "Options: `:query`, the name to look up or nil, and `:resolver` for tests."
  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  @impl true
  def init(opts) do
    query = opts[:query]

    if Node.alive?() and query not in [nil, "", {:srv, ""}] do
      {:ok, new(query, opts[:resolver] || (&resolve/1)), {:continue, :poll}}
    else
      Shop.Readiness.joined()
      :ignore
    end
  end

  defp new(query, resolver) do
    [basename, _host] = node() |> Atom.to_string() |> String.split("@", parts: 2)

    %{
      query: query,
      resolver: resolver,
      basename: basename,
      # The task of each connection attempt under way. Each has a task of its own, because the address
      # of a pod that just died can take seconds to fail.
      connecting: %{},
      answered?: false,
      joined?: false
    }
  end

  @impl true
  def handle_continue(:poll, state), do: {:noreply, poll(state)}

  @impl true
  def handle_info(:poll, state), do: {:noreply, poll(state)}

  def handle_info({task, connected}, state) when is_reference(task) do
    Process.demonitor(task, [:flush])
    {peer, state} = pop_in(state.connecting[task])
    if connected, do: Logger.info("connected to #{peer}")
    {:noreply, join(state)}
  end

  def handle_info({:DOWN, task, :process, _pid, _reason}, state) do
    {_peer, state} = pop_in(state.connecting[task])
    {:noreply, join(state)}
  end

  defp poll(state) do
    Process.send_after(self(), :poll, @interval)

    case state.resolver.(state.query) do
      {:ok, hosts} ->
        %{state | answered?: true} |> connect(hosts) |> join()

      {:error, reason} ->
        Logger.warning("DNS look-up of #{inspect(state.query)} failed: #{inspect(reason)}")
        state
    end
  end

  defp connect(state, hosts) do
    known = [node() | Node.list()] ++ Map.values(state.connecting)
    peers = for host <- hosts, do: :"#{state.basename}@#{host(host)}"

    for peer <- Enum.uniq(peers) -- known, reduce: state do
      state ->
        task =
          Task.Supervisor.async_nolink(Shop.Cluster.Connecting, fn ->
            Node.connect(peer) == true
          end)

        put_in(state.connecting[task.ref], peer)
    end
  end

  defp host(address) when is_tuple(address), do: :inet.ntoa(address)
  defp host(name), do: name

  defp join(%{answered?: true, joined?: false, connecting: none} = state) when none == %{} do
    Shop.Counter.synchronise()
    Shop.Readiness.joined()
    %{state | joined?: true}
  end

  defp join(state), do: state

  @doc "Looks a name up in DNS; a name without any host is an answer, a silent server is not."
  @spec resolve(query()) :: {:ok, [:inet.ip_address() | charlist()]} | {:error, term()}
  # By TCP: names are long, and of an answer that does not fit into a datagram `inet_res` reads nothing.
  def resolve({:srv, query}) do
    case :inet_res.resolve(String.to_charlist(query), :in, :srv, usevc: true) do
      {:ok, answer} ->
        records = for record <- :inet_dns.msg(answer, :anlist), do: :inet_dns.rr(record, :data)
        {:ok, for({_priority, _weight, _port, host} <- records, do: host)}

      {:error, reason} when reason == :nxdomain or elem(reason, 0) == :nxdomain ->
        {:ok, []}

      {:error, reason} ->
        {:error, reason}
    end
  end

  def resolve(query) do
    answers = for type <- [:a, :aaaa], do: look_up(query, type)
    addresses = for {:ok, found} <- answers, address <- found, do: address

    case List.keyfind(answers, :error, 0) do
      {:error, reason} when addresses == [] -> {:error, reason}
      _answered -> {:ok, addresses}
    end
  end

  defp look_up(query, type) do
    case :inet_res.getbyname(String.to_charlist(query), type) do
      {:ok, {:hostent, _name, _aliases, _family, _length, addresses}} -> {:ok, addresses}
      {:error, :nxdomain} -> {:ok, []}
      {:error, reason} -> {:error, reason}
    end
  end
end
