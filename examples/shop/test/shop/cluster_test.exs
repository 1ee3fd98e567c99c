defmodule Shop.ClusterTest do
  use ExUnit.Case

  alias Shop.{TestNode, TestResolver}

  # The shop starts without a name to look up, is made to forget that it is ready for that, and gets a
  # poller that asks the test.
  defp start_cluster(node, answer) do
    TestNode.call(node, :persistent_term, :erase, [{Shop.Readiness, :joined}])
    TestResolver.answer(node, answer)
    opts = [query: "shop.test", resolver: &TestResolver.resolve/1]
    child = %{id: :cluster, start: {Shop.Cluster, :start_link, [opts]}}
    {:ok, _pid} = TestNode.call(node, Supervisor, :start_child, [Shop.Supervisor, child])
  end

  defp readiness(node), do: TestNode.call(node, Shop.Readiness, :state)

  test "nodes find each other and are ready once they know the count" do
    [a, b, c] = nodes = for last <- [2, 3, 4], do: TestNode.start(last)
    for _ <- 1..6, do: {:ok, _} = TestNode.call(a, Shop.Counter, :increment)

    for node <- nodes, do: start_cluster(node, {:ok, Enum.map(nodes, & &1.address)})

    assert TestNode.eventually(fn -> Enum.all?(nodes, &(readiness(&1) == :ready)) end)
    assert TestNode.peers(a) == [b.name, c.name]
    assert TestNode.peers(b) == [a.name, c.name]
    assert Enum.map(nodes, &TestNode.call(&1, Shop.Counter, :value)) == [6, 6, 6]
  end

  test "a node asks its peers for the count before it is ready" do
    [a, b] = for last <- [2, 3], do: TestNode.start(last)
    TestNode.connect(a, b)
    :ok = TestNode.call(b, GenServer, :call, [Shop.Counter, {:merge, %{"elsewhere#1" => 8}}])

    start_cluster(a, {:ok, [b.address]})

    assert TestNode.eventually(fn -> readiness(a) == :ready end)
    assert TestNode.call(a, Shop.Counter, :value) == 8
  end

  test "an address where nobody answers does not keep a node from being ready" do
    a = TestNode.start(2)
    start_cluster(a, {:ok, [a.address, {127, 0, 0, 99}]})

    assert TestNode.eventually(fn -> readiness(a) == :ready end)
    assert TestNode.peers(a) == []
  end

  test "a node that could not ask DNS is not ready, and polls on until it can" do
    [a, b] = for last <- [2, 3], do: TestNode.start(last)
    start_cluster(a, {:error, :timeout})
    Process.sleep(1_200)
    assert {:not_ready, "joining the cluster"} = readiness(a)

    TestResolver.answer(a, {:ok, [b.address]})
    assert TestNode.eventually(fn -> readiness(a) == :ready end)
    assert TestNode.peers(a) == [b.name]
  end

  test "a host may be a name as well as an address" do
    [a, b] = for last <- [2, 3], do: TestNode.start(last)
    start_cluster(a, {:ok, [:inet.ntoa(b.address)]})
    assert TestNode.eventually(fn -> TestNode.peers(a) == [b.name] end)
  end

  test "nodes that vanish from DNS stay connected" do
    [a, b] = for last <- [2, 3], do: TestNode.start(last)
    start_cluster(a, {:ok, [b.address]})
    assert TestNode.eventually(fn -> TestNode.peers(a) == [b.name] end)

    TestResolver.answer(a, {:ok, []})
    Process.sleep(1_200)
    assert TestNode.peers(a) == [b.name]
  end

  test "without a name to look up a node is ready alone" do
    assert readiness(TestNode.start(2)) == :ready
  end
end
