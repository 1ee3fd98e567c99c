defmodule Shop do
  @moduledoc """
  A counter that a cluster of BEAM nodes keeps together and that outlives each of them.

  `Shop.Counter` holds it, `Shop.Cluster` finds the other nodes, `Shop.Http.Listener` serves it, and
  `Shop.Drain` takes a node out of service without losing a request or a count.
  """

  @doc "What this node is and whom it knows: the body of `GET /`."
  @spec describe() :: map()
  def describe do
    %{
      node: node(),
      peers: Enum.sort(Node.list()),
      version: version(),
      otp_release: List.to_string(:erlang.system_info(:otp_release)),
      counter: Shop.Counter.value()
    }
  end

  @doc "The version that this release was built as."
  @spec version() :: String.t()
  def version, do: :shop |> Application.spec(:vsn) |> to_string()
end
