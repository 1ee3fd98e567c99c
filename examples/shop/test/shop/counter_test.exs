defmodule Shop.CounterTest do
  use ExUnit.Case

  alias Shop.TestNode

  defp mesh(lasts) do
    nodes = for last <- lasts, do: TestNode.start(last)
    for a <- nodes, b <- nodes, a.name < b.name, do: TestNode.connect(a, b)
    nodes
  end

  defp increment(node, times \\ 1) do
    for _ <- 1..times, do: {:ok, _value} = TestNode.call(node, Shop.Counter, :increment)
  end

  defp value(node), do: TestNode.call(node, Shop.Counter, :value)

  test "an acknowledged increment is on every peer already" do
    [a, b, c] = mesh([2, 3, 4])

    for expected <- 1..20 do
      increment(Enum.random([a, b, c]))
      assert Enum.map([a, b, c], &value/1) == [expected, expected, expected]
    end
  end

  test "increments at the same time on all nodes are all counted" do
    nodes = mesh([2, 3, 4])

    nodes |> Enum.map(&Task.async(fn -> increment(&1, 100) end)) |> Task.await_many(30_000)

    assert Enum.map(nodes, &value/1) == [300, 300, 300]
  end

  test "the count outlives a node that is killed, and its restart under the same name" do
    [a, b, c] = mesh([2, 3, 4])
    increment(a, 10)
    TestNode.kill(a)
    assert Enum.map([b, c], &value/1) == [10, 10]

    a = TestNode.start(2)
    increment(a, 3)
    TestNode.connect(a, b)
    assert TestNode.eventually(fn -> Enum.map([a, b, c], &value/1) == [13, 13, 13] end)
  end

  test "nodes that counted apart agree once they meet" do
    [a, b] = for last <- [2, 3], do: TestNode.start(last)
    increment(a, 5)
    increment(b, 7)

    TestNode.connect(a, b)
    assert TestNode.eventually(fn -> Enum.map([a, b], &value/1) == [12, 12] end)
  end

  test "replacing every node, one at a time, loses nothing" do
    [a, b] = mesh([2, 3])
    increment(a, 4)

    d = TestNode.start(4)
    TestNode.connect(d, b)
    increment(d, 2)
    TestNode.stop(a)
    increment(b, 3)
    TestNode.stop(b)

    assert value(d) == 9
  end

  test "gossip repairs what a peer missed" do
    [a, b] = mesh([2, 3])
    replica = "elsewhere#1"
    :ok = TestNode.call(a, GenServer, :call, [Shop.Counter, {:merge, %{replica => 8}}])

    assert TestNode.eventually(fn -> value(b) == 8 end)
  end

  test "a peer that hangs delays an increment, all peers that hang refuse it" do
    [a, b, c] = mesh([2, 3, 4])
    :ok = TestNode.call(b, :sys, :suspend, [Shop.Counter])
    assert {:ok, 1} = TestNode.call(a, Shop.Counter, :increment)

    :ok = TestNode.call(c, :sys, :suspend, [Shop.Counter])
    assert {:error, :not_replicated} = TestNode.call(a, Shop.Counter, :increment)
    assert {:error, :no_peer_took_over} = TestNode.call(a, Shop.Counter, :hand_off)
  end

  test "a connected node that does not run the shop yet holds nobody up" do
    a = TestNode.start(2)
    b = TestNode.boot(3)
    TestNode.connect(a, b)

    assert {:ok, 1} = TestNode.call(a, Shop.Counter, :increment)

    TestNode.start_shop(b)
    assert TestNode.eventually(fn -> value(b) == 1 end)
  end
end
