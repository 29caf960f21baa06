"""The servers that tests start."""

import psycopg
import pytest
import redis

from tests.servers import PostgresServer, RedisServer

pytestmark = pytest.mark.e2e


def test_each_test_may_have_a_database_of_its_own(postgres_server: PostgresServer, postgres_url: str) -> None:
    fresh = postgres_server.new_database()
    assert fresh != postgres_url
    with psycopg.connect(fresh, autocommit=True) as connection:
        connection.execute("CREATE TABLE mine (one integer)")
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT to_regclass('mine')").fetchone() == (None,)


def test_redis_comes_back_empty_on_the_same_address(redis_server: RedisServer, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("copydesk-test", 1)
        redis_server.stop()
        with pytest.raises(redis.ConnectionError):
            client.get("copydesk-test")
        redis_server.start()
        assert client.get("copydesk-test") is None
