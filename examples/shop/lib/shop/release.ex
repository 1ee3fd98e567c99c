defmodule Shop.Release do
  @moduledoc "Tasks that run without the application: `bin/shop eval`."

  @doc """
  The migration: notes this version in the file `SHOP_MIGRATION_FILE`, once.

  Like a real one it may be run again without harm, and like a real one it may fail:
  `SHOP_MIGRATION=fail` makes it.
  """
  @spec migrate() :: :ok
  def migrate do
    :ok = Application.ensure_loaded(:shop)
    if Application.get_env(:shop, :migration) == "fail", do: raise("SHOP_MIGRATION=fail")

    file = Application.fetch_env!(:shop, :migration_file)
    migrated = if File.exists?(file), do: File.read!(file), else: ""

    unless Shop.version() in String.split(migrated, "\n") do
      File.write!(file, Shop.version() <> "\n", [:append])
    end

    IO.puts("migrated to #{Shop.version()}: #{file}")
  end
end
