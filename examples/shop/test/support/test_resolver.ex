defmodule Shop.TestResolver do
  @moduledoc "DNS as a test wants it: answers what the node was told to answer."

  def answer(node, answer),
    do: :ok = Shop.TestNode.call(node, :persistent_term, :put, [__MODULE__, answer])

  def resolve(_query), do: :persistent_term.get(__MODULE__)
end
