"""Whatever the start: everything free is taken, shares come to differ by one at most, and nobody robs the living."""

from __future__ import annotations

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from worker.sources.shards.balance import Watch, to_take
from worker.sources.shards.lineage import Lease, ShardKey

LEASE_S = 30.0
WORKERS, DEAD, NOBODY = "abcde", ("dead", "gone"), ""


def lease(number, owner=NOBODY, version=1):
    return Lease(ShardKey("arn:stream/1", f"s{number}"), owner, version, "0")


def leases(owners):
    """One lease for each of these owners; a full stop is nobody."""
    return [lease(n, NOBODY if owner == "." else owner) for n, owner in enumerate(owners)]


def taken(me, owners):
    """The numbers of the leases to take, where those that nobody owns are free."""
    all_of_them = leases(owners)
    return [all_of_them.index(each) for each in to_take(me, all_of_them, [x for x in all_of_them if not x.owner])]


def test_who_is_alone_takes_everything():
    assert taken("a", "....") == [0, 1, 2, 3]


def test_who_has_a_share_takes_no_more_of_what_is_free():
    assert taken("a", "ab..") == [2]
    assert taken("a", "aab.") == []


def test_what_is_free_is_taken_before_anything_is_stolen():
    assert taken("a", "bbbb.") == [4]


def test_one_shard_is_stolen_from_whoever_has_most():
    assert taken("a", "bccc") == [1]
    assert taken("a", "bbbb") == [0]


def test_one_more_than_ours_is_no_reason_to_steal():
    assert taken("a", "abb") == []
    assert taken("a", "b") == []


def test_who_has_none_steals_although_nobody_has_more_than_the_rounded_share():
    assert taken("a", "bbcc") == [0]


def test_where_there_is_nothing_there_is_nothing_to_take():
    assert taken("a", "") == []


def test_a_lease_is_dead_when_its_version_has_not_moved_for_so_long():
    watch, held = Watch(LEASE_S), lease(1, "b")
    watch.look({held.key: held}, 100.0)
    watch.look({held.key: held}, 110.0)
    assert not watch.free(held, 129.9)
    assert watch.free(held, 130.0)


def test_a_version_that_moves_is_a_sign_of_life():
    watch, held = Watch(LEASE_S), lease(1, "b")
    watch.look({held.key: held}, 100.0)
    watch.look({held.key: held._replace(version=2)}, 120.0)
    assert not watch.free(held, 149.9)
    assert watch.free(held, 150.0)


def test_what_was_never_looked_at_is_only_free_if_nobody_owns_it():
    watch = Watch(LEASE_S)
    assert not watch.free(lease(1, "b"), 1e9)
    assert watch.free(lease(1), 0.0)


def test_what_was_away_meanwhile_is_watched_anew():
    watch, held = Watch(LEASE_S), lease(1, "b")
    watch.look({held.key: held}, 100.0)
    watch.look({}, 120.0)
    watch.look({held.key: held}, 140.0)
    assert not watch.free(held, 169.9)


class Fleet:
    """Some workers around one table of leases. They renew theirs, look, and take, three times in the life of one."""

    def __init__(self, owners, alive) -> None:
        self.table = {each.key: each for each in leases(owners)}
        self.watches = {name: Watch(LEASE_S) for name in alive}
        self.now_s = 0.0

    def round(self, order, at_once) -> None:
        """at_once: all look before anybody takes."""
        self.now_s += LEASE_S / 3
        for key, held in self.table.items():
            if held.owner in self.watches:
                self.table[key] = held._replace(version=held.version + 1)
        before = dict(self.table)
        for name in order:
            self.turn(name, before if at_once else dict(self.table))

    def turn(self, me, seen) -> None:
        watch = self.watches[me]
        watch.look(seen, self.now_s)
        free = [each for each in seen.values() if each.owner != me and watch.free(each, self.now_s)]
        wanted = to_take(me, list(seen.values()), free)
        stolen = [each for each in wanted if each not in free]
        assert not {each.owner for each in free} & set(self.watches)
        assert len(stolen) <= 1
        assert not stolen or wanted == stolen
        held = Counter(each.owner for each in seen.values())
        for each in stolen:
            assert held[each.owner] >= held[me] + 2
        for each in wanted:
            if self.table[each.key].version == each.version:
                self.table[each.key] = each._replace(owner=me, version=each.version + 1)

    def shares(self):
        held = Counter(dict.fromkeys(self.watches, 0))
        held.update(each.owner for each in self.table.values())
        return held


@given(
    st.lists(st.sampled_from([*WORKERS, *DEAD, "."]), max_size=14),
    st.integers(1, len(WORKERS)),
    st.booleans(),
    st.randoms(use_true_random=False),
)
@example(list("aabb"), 3, True, None)
@example(list("aabb"), 3, False, None)
def test_whatever_the_start_shares_differ_by_at_most_one_in_the_end(owners, count, at_once, chance):
    """Those of the workers that are not counted have died as well."""
    fleet = Fleet(owners, WORKERS[:count])
    for _ in range(len(owners) + 8):
        fleet.round(chance.sample(WORKERS[:count], count) if chance else WORKERS[:count], at_once)
    shares = fleet.shares()
    assert set(shares) == set(WORKERS[:count])
    assert sum(shares.values()) == len(owners)
    assert max(shares.values()) - min(shares.values()) <= 1
    settled = dict(fleet.table)
    fleet.round(WORKERS[:count], at_once)
    assert [each.owner for each in fleet.table.values()] == [each.owner for each in settled.values()]
