defmodule Shop.Http.Connection do
  @moduledoc """
  One client's connection: HTTP/1.1 with keep-alive and pipelining.

  Between two requests the process waits for the next request line *or* for word that the node
  drains. A draining node does not cut an idle connection at once, for the client may be about to use
  it: it gets `@farewell` to send one more request, whose response says `connection: close`.
  """

  alias Shop.Http.{Request, Response, Router}

  @supervisor Shop.Http.Connections
  @idle 60_000
  @farewell 2_000
  @linger 1_000

  @doc "Serves an accepted socket in a process of its own. The caller must own the socket."
  @spec start(:gen_tcp.socket()) :: :ok
  def start(socket) do
    {:ok, pid} = Task.Supervisor.start_child(@supervisor, fn -> serve(socket) end)
    # A client that is gone by now is noticed by the process that reads from it.
    _ = :gen_tcp.controlling_process(socket, pid)
    send(pid, :owner)
    :ok
  end

  @doc """
  Asks every open connection to finish, waits for `timeout` milliseconds at most, and returns how
  many are still open. Connections made meanwhile are not waited for.
  """
  @spec drain_all(timeout()) :: non_neg_integer()
  def drain_all(timeout) do
    deadline = System.monotonic_time(:millisecond) + timeout

    monitors =
      for pid <- Task.Supervisor.children(@supervisor) do
        monitor = Process.monitor(pid)
        send(pid, :drain)
        monitor
      end

    Enum.count(monitors, &(await_end(&1, deadline) == :open))
  end

  defp await_end(monitor, deadline) do
    receive do
      {:DOWN, ^monitor, :process, _pid, _reason} -> :ended
    after
      max(deadline - System.monotonic_time(:millisecond), 0) ->
        Process.demonitor(monitor, [:flush])
        :open
    end
  end

  defp serve(socket) do
    receive do
      :owner -> await_request(socket, @idle)
    end
  end

  defp await_request(socket, patience) do
    case :inet.setopts(socket, packet: :http_bin, active: :once) do
      :ok -> await_request_line(socket, patience)
      {:error, _closed} -> :gen_tcp.close(socket)
    end
  end

  defp await_request_line(socket, patience) do
    receive do
      {:http, ^socket, {:http_request, method, target, version}} ->
        socket |> Request.read(method, target, version) |> answer(socket)

      # An empty line before the request line is to be ignored (RFC 9112, 2.2).
      {:http, ^socket, {:http_error, "\r\n"}} ->
        await_request(socket, patience)

      {:http, ^socket, {:http_error, _line}} ->
        answer({:error, 400}, socket)

      {:tcp_closed, ^socket} ->
        :ok

      {:tcp_error, ^socket, _reason} ->
        :gen_tcp.close(socket)

      :drain ->
        await_request_line(socket, @farewell)
    after
      patience -> :gen_tcp.close(socket)
    end
  end

  defp answer({:ok, request}, socket) do
    response = Router.respond(request)
    close? = not request.keep_alive? or Shop.Readiness.draining?()

    with :ok <- Response.send(socket, response, request, close?), false <- close? do
      await_request(socket, @idle)
    else
      _closing -> close(socket)
    end
  end

  # Where a request ends is unknown after a malformed one, so the connection ends with it.
  defp answer({:error, status}, socket) do
    Response.send(socket, Response.error(status), nil, true)
    close(socket)
  end

  defp answer(:closed, socket), do: :gen_tcp.close(socket)

  # Closing a socket that holds unread bytes resets it, and the reset can overtake the response: end
  # our half, and read on until the client ends its own (RFC 9112, 9.6).
  defp close(socket) do
    _ = :gen_tcp.shutdown(socket, :write)
    _ = :inet.setopts(socket, packet: :raw)
    linger(socket, System.monotonic_time(:millisecond) + @linger)
    :gen_tcp.close(socket)
  end

  defp linger(socket, deadline) do
    left = deadline - System.monotonic_time(:millisecond)

    with true <- left > 0, {:ok, _unread} <- :gen_tcp.recv(socket, 0, left) do
      linger(socket, deadline)
    end
  end
end
