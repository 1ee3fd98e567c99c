defmodule Shop.Flood do
  @moduledoc """
  Has as many messages as `SHOP_FLOOD` says wait for a process that takes none.
  """

  @doc "Sends them, unless there are none."
  @spec start(non_neg_integer()) :: :ok
  def start(0), do: :ok

  def start(count) do
    deaf = spawn(fn -> Process.sleep(:infinity) end)
    Enum.each(1..count, &send(deaf, &1))
  end
end
