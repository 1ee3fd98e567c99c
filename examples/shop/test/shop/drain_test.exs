defmodule Shop.DrainTest do
  use ExUnit.Case

  alias Shop.{TestClient, TestNode}

  @get "GET /health HTTP/1.1\r\nHost: shop\r\n\r\n"
  @slow "POST /count HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\n"

  defp drain(node), do: Task.async(fn -> TestNode.call(node, Shop.Drain, :run) end)

  defp draining?(node),
    do: TestNode.eventually(fn -> TestNode.call(node, Shop.Readiness, :draining?) end)

  test "finishes the request under way, then returns" do
    node = TestNode.start(2)
    socket = node |> TestNode.port() |> TestClient.connect()
    TestClient.send(socket, @slow)
    Process.sleep(100)

    task = drain(node)
    assert Task.yield(task, 500) == nil
    TestClient.send(socket, "ok")

    assert {200, %{"connection" => "close"}, ~s({"counter":1})} = TestClient.response(socket)
    assert TestClient.closed?(socket)
    assert Task.await(task) == :ok
  end

  test "lets an idle client send one more request before it closes" do
    node = TestNode.start(2)
    port = TestNode.port(node)
    [busy, idle] = for _ <- 1..2, do: TestClient.connect(port)

    for socket <- [busy, idle] do
      TestClient.send(socket, @get)
      assert {200, %{"connection" => "keep-alive"}, _} = TestClient.response(socket)
    end

    task = drain(node)
    assert draining?(node)
    TestClient.send(busy, @get)
    assert {200, %{"connection" => "close"}, _} = TestClient.response(busy)
    assert TestClient.closed?(busy)
    assert TestClient.closed?(idle)
    assert Task.await(task) == :ok
  end

  test "is not ready while it drains, and serves who comes all the same" do
    node = TestNode.start(2)
    :ok = TestNode.call(node, Shop.Drain, :run)
    socket = node |> TestNode.port() |> TestClient.connect()
    TestClient.send(socket, "GET /health/ready HTTP/1.1\r\nHost: shop\r\n\r\n")

    assert {503, %{"connection" => "close"}, body} = TestClient.response(socket)
    assert body =~ "draining"
  end

  test "gives up on a request that does not end" do
    node = TestNode.start(2, drain_timeout: 300)
    socket = node |> TestNode.port() |> TestClient.connect()
    TestClient.send(socket, @slow)

    assert node |> drain() |> Task.await() == :ok
  end

  test "SHOP_DRAIN=hang makes it hang" do
    task = 2 |> TestNode.start(drain: "hang") |> drain()

    assert Task.yield(task, 500) == nil
    Task.shutdown(task, :brutal_kill)
  end

  test "raises when the peers do not take the counter over" do
    [a, b] = for last <- [2, 3], do: TestNode.start(last)
    TestNode.connect(a, b)
    :ok = TestNode.call(b, :sys, :suspend, [Shop.Counter])

    assert catch_error(TestNode.call(a, Shop.Drain, :run))
  end

  test "comes with the stop of the node, which fails no request and loses no count" do
    [a, b] = for last <- [2, 3], do: TestNode.start(last)
    TestNode.connect(a, b)
    socket = a |> TestNode.port() |> TestClient.connect()
    TestClient.send(socket, @slow)
    Process.sleep(100)

    stop = Task.async(fn -> TestNode.stop(a) end)
    assert draining?(a)
    TestClient.send(socket, "ok")

    assert {200, %{"connection" => "close"}, ~s({"counter":1})} = TestClient.response(socket)
    assert Task.await(stop, 15_000) == :ok
    assert TestNode.call(b, Shop.Counter, :value) == 1
  end
end
