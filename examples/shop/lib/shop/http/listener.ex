defmodule Shop.Http.Listener do
  @moduledoc """
  Accepts connections and gives each a process of its own (`Shop.Http.Connection`).

  When it stops it closes the port first and then lets the open connections finish.
  """

  use GenServer, shutdown: 15_000

  alias Shop.Http.Connection

  @acceptors 4
  @farewell 10_000
  @options [
    mode: :binary,
    packet: :http_bin,
    # The longest request line or header; the runtime closes a socket that sends a longer one.
    packet_size: 8_192,
    active: false,
    reuseaddr: true,
    nodelay: true,
    backlog: 1_024,
    send_timeout: 10_000,
    send_timeout_close: true
  ]

  @doc "Options: `:port`, where 0 takes a free one."
  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  @doc "The port that is listened on."
  @spec port() :: :inet.port_number()
  def port, do: GenServer.call(__MODULE__, :port)

  @impl true
  def init(opts) do
    Process.flag(:trap_exit, true)

    case listen(Keyword.fetch!(opts, :port)) do
      {:ok, socket} ->
        for _ <- 1..@acceptors, do: spawn_link(fn -> accept(socket) end)
        {:ok, socket}

      {:error, reason} ->
        {:stop, {:listen, reason}}
    end
  end

  # IPv6 and IPv4 on one socket, and IPv4 alone where there is no IPv6.
  defp listen(port) do
    case :gen_tcp.listen(port, [:inet6, {:ipv6_v6only, false} | @options]) do
      {:error, reason} when reason in [:eafnosupport, :eaddrnotavail] ->
        :gen_tcp.listen(port, [:inet | @options])

      result ->
        result
    end
  end

  defp accept(listening) do
    case :gen_tcp.accept(listening) do
      {:ok, socket} ->
        Connection.start(socket)
        accept(listening)

      {:error, :closed} ->
        :ok

      # Out of file descriptors, or the client left before it was accepted: the next may do better.
      {:error, _reason} ->
        Process.sleep(50)
        accept(listening)
    end
  end

  @impl true
  def handle_call(:port, _from, socket) do
    {:ok, port} = :inet.port(socket)
    {:reply, port, socket}
  end

  # An acceptor that ends while the port is open takes the listener down, to be started afresh.
  @impl true
  def handle_info({:EXIT, _acceptor, reason}, socket), do: {:stop, {:acceptor, reason}, socket}

  @impl true
  def terminate(_reason, socket) do
    :gen_tcp.close(socket)
    Connection.drain_all(@farewell)
  end
end
