defmodule Shop.TestClient do
  @moduledoc "An HTTP client that can be as slow, rude and wrong as a test needs."

  def connect(port) do
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false, packet: :raw])
    socket
  end

  def send(socket, data), do: :ok = :gen_tcp.send(socket, data)

  @doc "Reads a response: status, headers by lower-case name, body."
  def response(socket) do
    {status, headers} = head(socket)
    :ok = :inet.setopts(socket, packet: :raw)
    {:ok, body} = :gen_tcp.recv(socket, String.to_integer(headers["content-length"]), 5_000)
    {status, headers, body}
  end

  @doc "Reads a response up to its body."
  def head(socket) do
    :ok = :inet.setopts(socket, packet: :http_bin)
    {:ok, {:http_response, {1, 1}, status, _reason}} = :gen_tcp.recv(socket, 0, 5_000)
    {status, headers(socket, %{})}
  end

  defp headers(socket, headers) do
    case :gen_tcp.recv(socket, 0, 5_000) do
      {:ok, {:http_header, _, name, _, value}} ->
        headers(socket, Map.put(headers, name |> to_string() |> String.downcase(), value))

      {:ok, :http_eoh} ->
        headers
    end
  end

  @doc "Whether the server ends the connection properly, without a reset, within `patience`."
  def closed?(socket, patience \\ 3_000) do
    :ok = :inet.setopts(socket, packet: :raw)
    :gen_tcp.recv(socket, 0, patience) == {:error, :closed}
  end
end
