defmodule Shop.Readiness do
  @moduledoc """
  Whether this node wants traffic: what `GET /health/ready` answers.

  Written twice in the life of a node and read by every request, hence `:persistent_term`.
  """

  @joined {__MODULE__, :joined}
  @draining {__MODULE__, :draining}

  @doc "The node knows what its cluster knows."
  @spec joined() :: :ok
  def joined, do: :persistent_term.put(@joined, true)

  @doc "The node is about to go. There is no way back."
  @spec drain() :: :ok
  def drain, do: :persistent_term.put(@draining, true)

  @spec draining?() :: boolean()
  def draining?, do: :persistent_term.get(@draining, false)

  @doc "`:ready`, or why not."
  @spec state() :: :ready | {:not_ready, String.t()}
  def state do
    cond do
      draining?() -> {:not_ready, "draining"}
      Application.get_env(:shop, :ready) == "never" -> {:not_ready, "SHOP_READY=never"}
      not :persistent_term.get(@joined, false) -> {:not_ready, "joining the cluster"}
      true -> :ready
    end
  end
end
