defmodule Shop.Leak do
  @moduledoc """
  Takes as many MiB more of memory each second as `SHOP_LEAK` says, and gives none back.
  """

  @interval 100
  @mib 1_048_576

  @doc "Begins to leak, unless the rate is 0."
  @spec start(non_neg_integer()) :: :ok
  def start(0), do: :ok

  def start(rate) do
    spawn(fn -> leak(div(rate * @mib * @interval, 1_000), []) end)
    :ok
  end

  # `:binary.copy/2` writes to all of it, so that the kernel has to back it.
  defp leak(bytes, taken) do
    Process.sleep(@interval)
    leak(bytes, [:binary.copy(<<0>>, bytes) | taken])
  end
end
