defmodule Shop.GCounterTest do
  use ExUnit.Case, async: true

  alias Shop.GCounter

  setup do
    seed = :rand.uniform(1_000_000)
    :rand.seed(:exsss, seed)
    {:ok, seed: seed}
  end

  defp random_counter do
    for _ <- 1..:rand.uniform(5), into: %{}, do: {"node#{:rand.uniform(4)}", :rand.uniform(20)}
  end

  test "merging is commutative, associative and idempotent", %{seed: seed} do
    for _ <- 1..200 do
      {a, b, c} = {random_counter(), random_counter(), random_counter()}

      assert GCounter.merge(a, b) == GCounter.merge(b, a), "seed #{seed}"
      assert GCounter.merge(a, GCounter.merge(b, c)) == GCounter.merge(GCounter.merge(a, b), c)
      assert GCounter.merge(a, a) == a
    end
  end

  test "replicas that count apart and merge in any order lose nothing", %{seed: seed} do
    replicas = for name <- ~w(a b c), into: %{}, do: {name, GCounter.new()}

    replicas =
      for _ <- 1..500, reduce: replicas do
        replicas ->
          {name, other} = {Enum.random(~w(a b c)), Enum.random(~w(a b c))}

          replicas
          |> Map.update!(name, &GCounter.increment(&1, name))
          |> Map.update!(other, &GCounter.merge(&1, replicas[name]))
      end

    whole = replicas |> Map.values() |> Enum.reduce(&GCounter.merge/2)
    assert GCounter.value(whole) == 500, "seed #{seed}"
  end
end
