defmodule Shop.Http.Router do
  @moduledoc "Which path answers what."

  import Shop.Http.Response, only: [json: 2, error: 1, error: 2]

  alias Shop.Http.{Request, Response}

  @doc "Answers a request. HEAD is GET whose body is left unsent."
  @spec respond(Request.t()) :: Response.t()
  def respond(%Request{method: "HEAD", path: path}), do: route("GET", path)
  def respond(%Request{method: method, path: path}), do: route(method, path)

  defp route("GET", "/"), do: json(200, Shop.describe())
  defp route("GET", "/count"), do: json(200, %{counter: Shop.Counter.value()})
  defp route("GET", "/health"), do: json(200, %{status: "alive"})

  defp route("GET", "/health/ready") do
    case Shop.Readiness.state() do
      :ready -> json(200, %{status: "ready"})
      {:not_ready, reason} -> json(503, %{status: "not ready", reason: reason})
    end
  end

  defp route("POST", "/count") do
    case Shop.Counter.increment() do
      {:ok, value} -> json(200, %{counter: value})
      {:error, :not_replicated} -> json(503, %{error: "no peer confirmed the increment"})
    end
  end

  defp route(_method, "/count"), do: error(405, [{"allow", "GET, HEAD, POST"}])

  defp route(_method, path) when path in ["/", "/health", "/health/ready"],
    do: error(405, [{"allow", "GET, HEAD"}])

  defp route(_method, _path), do: error(404)
end
