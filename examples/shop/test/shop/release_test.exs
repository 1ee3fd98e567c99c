defmodule Shop.ReleaseTest do
  use ExUnit.Case

  import ExUnit.CaptureIO

  setup do
    file = Path.join(System.tmp_dir!(), "shop-migrations-#{System.unique_integer([:positive])}")
    Application.put_env(:shop, :migration_file, file)
    on_exit(fn -> File.rm(file) end)
    {:ok, path: file}
  end

  test "notes its version once", %{path: file} do
    output = capture_io(fn -> for _ <- 1..2, do: Shop.Release.migrate() end)

    assert File.read!(file) == Shop.version() <> "\n"
    assert output =~ "migrated to #{Shop.version()}"
  end

  test "fails on request, and leaves nothing behind", %{path: file} do
    Application.put_env(:shop, :migration, "fail")
    on_exit(fn -> Application.delete_env(:shop, :migration) end)

    assert_raise RuntimeError, "SHOP_MIGRATION=fail", &Shop.Release.migrate/0
    refute File.exists?(file)
  end
end
