defmodule Shop.Http.Response do
  @moduledoc "Writes a response: a status, headers and a JSON body."

  alias Shop.Http.Request

  defstruct [:status, :body, headers: []]

  @type t :: %__MODULE__{status: 200..599, body: map(), headers: [{String.t(), String.t()}]}

  @reasons %{
    200 => "OK",
    400 => "Bad Request",
    404 => "Not Found",
    405 => "Method Not Allowed",
    408 => "Request Timeout",
    413 => "Content Too Large",
    431 => "Request Header Fields Too Large",
    501 => "Not Implemented",
    503 => "Service Unavailable",
    505 => "HTTP Version Not Supported"
  }

  @spec json(200..599, map(), [{String.t(), String.t()}]) :: t()
  def json(status, body, headers \\ []),
    do: %__MODULE__{status: status, body: body, headers: headers}

  @doc "A response that says no more than its status."
  @spec error(400..599, [{String.t(), String.t()}]) :: t()
  def error(status, headers \\ []),
    do: json(status, %{error: Map.fetch!(@reasons, status)}, headers)

  @doc "Sends the response to `request`, or to one that could not be read (nil)."
  @spec send(:gen_tcp.socket(), t(), Request.t() | nil, boolean()) :: :ok | {:error, term()}
  def send(socket, response, request, close?) do
    body = Shop.Json.encode(response.body)

    headers = [
      {"date", Calendar.strftime(DateTime.utc_now(), "%a, %d %b %Y %H:%M:%S GMT")},
      {"content-type", "application/json"},
      {"content-length", Integer.to_string(IO.iodata_length(body))},
      {"connection", if(close?, do: "close", else: "keep-alive")} | response.headers
    ]

    :gen_tcp.send(socket, [
      "HTTP/1.1 #{response.status} #{Map.fetch!(@reasons, response.status)}\r\n",
      for({name, value} <- headers, do: [name, ": ", value, "\r\n"]),
      "\r\n",
      if(head?(request), do: [], else: body)
    ])
  end

  defp head?(%Request{method: "HEAD"}), do: true
  defp head?(_request), do: false
end
