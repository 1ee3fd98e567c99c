defmodule Shop.Http.Request do
  @moduledoc """
  Reads a request off a socket, body included, so that the next one starts where this one ends.

  The bodies themselves are of no interest to this application and are dropped.
  """

  defstruct [:method, :path, :keep_alive?]

  @type t :: %__MODULE__{method: String.t(), path: String.t(), keep_alive?: boolean()}
  @type version :: {non_neg_integer(), non_neg_integer()}

  @patience 10_000
  @max_headers 100
  @max_body 1_048_576

  @doc """
  Reads what follows the request line: the request, the status to refuse it with, or `:closed`.
  """
  @spec read(:gen_tcp.socket(), atom() | String.t(), term(), version()) ::
          {:ok, t()} | {:error, 400..599} | :closed
  def read(socket, method, target, version) do
    with {:ok, path} <- path(target),
         :ok <- supported(version),
         {:ok, headers} <- headers(socket, []),
         :ok <- named_host(headers, version),
         {:ok, length} <- body_length(headers),
         :ok <- invite_body(socket, headers, length),
         :ok <- skip_body(socket, length) do
      keep_alive? = keep_alive?(version, tokens(headers, "connection"))
      {:ok, %__MODULE__{method: to_string(method), path: path, keep_alive?: keep_alive?}}
    end
  end

  defp path({:abs_path, path}), do: {:ok, without_query(path)}
  defp path({:absoluteURI, _scheme, _host, _port, path}), do: {:ok, without_query(path)}
  defp path(_authority_or_asterisk), do: {:error, 400}

  defp without_query(path), do: path |> String.split("?", parts: 2) |> hd()

  defp supported({1, _minor}), do: :ok
  defp supported(_version), do: {:error, 505}

  defp headers(_socket, headers) when length(headers) > @max_headers, do: {:error, 431}

  defp headers(socket, headers) do
    case :gen_tcp.recv(socket, 0, @patience) do
      {:ok, {:http_header, _, name, _, value}} ->
        headers(socket, [{name |> to_string() |> String.downcase(), value} | headers])

      {:ok, :http_eoh} ->
        {:ok, headers}

      {:ok, {:http_error, _line}} ->
        {:error, 400}

      {:error, :timeout} ->
        {:error, 408}

      {:error, _gone} ->
        :closed
    end
  end

  defp named_host(headers, {1, 1}) do
    if length(values(headers, "host")) == 1, do: :ok, else: {:error, 400}
  end

  defp named_host(_headers, _version), do: :ok

  defp body_length(headers) do
    case {values(headers, "transfer-encoding"), Enum.uniq(values(headers, "content-length"))} do
      {[], []} -> {:ok, 0}
      {[], [length]} -> parse_length(length)
      {[], _contradicting} -> {:error, 400}
      {_chunked, _any} -> {:error, 501}
    end
  end

  defp parse_length(text) do
    case Integer.parse(text) do
      {length, ""} when length in 0..@max_body -> {:ok, length}
      {length, ""} when length > @max_body -> {:error, 413}
      _not_a_length -> {:error, 400}
    end
  end

  defp invite_body(socket, headers, length) do
    if length > 0 and tokens(headers, "expect") == ["100-continue"],
      do: sent(:gen_tcp.send(socket, "HTTP/1.1 100 Continue\r\n\r\n")),
      else: :ok
  end

  defp sent(:ok), do: :ok
  defp sent({:error, _gone}), do: :closed

  defp skip_body(_socket, 0), do: :ok

  defp skip_body(socket, length) do
    with :ok <- :inet.setopts(socket, packet: :raw),
         {:ok, _body} <- :gen_tcp.recv(socket, length, @patience) do
      :ok
    else
      {:error, :timeout} -> {:error, 408}
      {:error, _gone} -> :closed
    end
  end

  defp keep_alive?({1, 0}, connection), do: "keep-alive" in connection
  defp keep_alive?(_version, connection), do: "close" not in connection

  defp values(headers, name), do: for({^name, value} <- headers, do: value)

  defp tokens(headers, name) do
    for value <- values(headers, name),
        token <- String.split(value, ","),
        do: token |> String.trim() |> String.downcase()
  end
end
