defmodule Shop.GCounter do
  @moduledoc """
  A grow-only counter that replicas change on their own and merge in any order.

  Each replica counts only under its own name, so of two values for one name the larger is the
  later, and merging is taking the maximum: commutative, associative and idempotent. A message
  that comes twice, late or not at all until the next one does no harm.

  A name is never given up, so the map grows by an entry for every replica that ever counted: some
  fifty bytes a pod, which a counter of this size can afford.
  """

  @type replica :: String.t()
  @type t :: %{replica() => pos_integer()}

  @spec new() :: t()
  def new, do: %{}

  @spec increment(t(), replica()) :: t()
  def increment(counter, replica), do: Map.update(counter, replica, 1, &(&1 + 1))

  @spec merge(t(), t()) :: t()
  def merge(one, other), do: Map.merge(one, other, fn _replica, a, b -> max(a, b) end)

  @spec value(t()) :: non_neg_integer()
  def value(counter), do: counter |> Map.values() |> Enum.sum()
end
