defmodule Shop.TestNode do
  @moduledoc """
  A node of its own that runs the shop, as a pod would: `shop@127.0.0.N`.

  All have one basename, as discovery by DNS wants it, so they cannot share an EPMD: each listens on
  one fixed port of its own loopback address instead. The test talks to them over their standard
  input and output and is no node itself.
  """

  @enforce_keys [:peer, :name, :address]
  defstruct [:peer, :name, :address]

  @distribution_port 47_001

  @doc "Boots the node `shop@127.0.0.<last>` without starting the shop."
  def boot(last) do
    address = {127, 0, 0, last}
    host = :inet.ntoa(address)

    {:ok, peer, name} =
      :peer.start_link(%{
        name: :shop,
        host: host,
        longnames: true,
        connection: :standard_io,
        args: arguments(address)
      })

    # A peer's log would come out between the lines of the test run.
    :ok = :peer.call(peer, Application, :put_env, [:logger, :level, :none])
    :ok = :peer.call(peer, :logger, :set_primary_config, [:level, :none])
    %__MODULE__{peer: peer, name: name, address: address}
  end

  defp arguments(address) do
    flags = [
      ["-setcookie", "test"],
      ["-start_epmd", "false", "-erl_epmd_port", "#{@distribution_port}"],
      ["-kernel", "inet_dist_use_interface", "#{:io_lib.format("~p", [address])}"],
      ["-pa" | :code.get_path()]
    ]

    for flag <- Enum.concat(flags), do: to_charlist(flag)
  end

  @doc "Boots a node and starts the shop on it with `env` over the defaults."
  def start(last, env \\ []) do
    node = boot(last)
    start_shop(node, env)
    node
  end

  def start_shop(node, env \\ []) do
    defaults = [port: 0, drain_timeout: 5_000, migration_file: "/nonexistent"]

    for {key, value} <- Keyword.merge(defaults, env) do
      :ok = call(node, Application, :put_env, [:shop, key, value])
    end

    {:ok, _started} = call(node, Application, :ensure_all_started, [:shop])
    :ok
  end

  def call(node, module, function, args \\ []),
    do: :peer.call(node.peer, module, function, args, 15_000)

  def connect(node, other), do: true = call(node, Node, :connect, [other.name])

  def peers(node), do: Enum.sort(call(node, Node, :list))

  def port(node), do: call(node, Shop.Http.Listener, :port)

  @doc "Stops the node the way SIGTERM does, and returns once it is gone."
  def stop(node) do
    monitor = Process.monitor(node.peer)
    Process.unlink(node.peer)
    :ok = :peer.call(node.peer, :init, :stop, [])

    receive do
      {:DOWN, ^monitor, :process, _pid, _reason} -> :ok
    after
      15_000 -> raise "#{node.name} does not stop"
    end
  end

  @doc "Ends the node at once, as SIGKILL does."
  def kill(node) do
    monitor = Process.monitor(node.peer)
    Process.unlink(node.peer)
    :peer.cast(node.peer, :erlang, :halt, [137, [flush: false]])

    receive do
      {:DOWN, ^monitor, :process, _pid, _reason} -> :ok
    after
      5_000 -> raise "#{node.name} does not die"
    end
  end

  @doc "Waits for a condition that other nodes bring about."
  def eventually(condition, attempts \\ 100) do
    cond do
      condition.() -> true
      attempts == 0 -> false
      true -> Process.sleep(50) && eventually(condition, attempts - 1)
    end
  end
end
