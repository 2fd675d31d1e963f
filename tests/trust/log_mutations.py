"""What somebody who owns the database could do to the audit log: each changes the table behind its triggers' back.

A mutation takes a connection, a source of chance and the rows as they were, ordered; it leaves the log changed.
"""

import json

from psycopg.types.json import Jsonb

COLUMNS = "seq, at, actor_id, key_id, operation, action, subject, subject_id, detail, previous_hash, hash"
CONTENT = COLUMNS.removeprefix("seq, ")
#: Number and hashes anew from a row on, as the trigger would have made them.
REMAKE = """
    DO $$
    DECLARE
        one record;
        last bytea := coalesce((SELECT hash FROM vault.audit WHERE seq < {0} ORDER BY seq DESC LIMIT 1),
                               sha256('flashpoint'));
    BEGIN
        FOR one IN SELECT seq FROM vault.audit WHERE seq >= {0} ORDER BY seq LOOP
            UPDATE vault.audit a SET previous_hash = last WHERE a.seq = one.seq;
            UPDATE vault.audit a SET hash = vault.audit_digest(a) WHERE a.seq = one.seq RETURNING a.hash INTO last;
        END LOOP;
    END
    $$
"""


def _some(chance, rows, least=1, but_last=0):
    return chance.randint(least, len(rows) - but_last)


def _set(connection, seq, column, value):
    connection.execute(f"UPDATE vault.audit SET {column} = %s WHERE seq = %s", [value, seq])


def _shift(connection, first, by):
    connection.execute("UPDATE vault.audit SET seq = seq + %s WHERE seq >= %s", [by, first])


def _rehash(connection, seq):
    connection.execute("UPDATE vault.audit a SET hash = vault.audit_digest(a) WHERE seq = %s", [seq])


def _remake(connection, first):
    connection.execute(REMAKE.format(first))


def _flipped(chance, content):
    """Give bytes with one bit changed."""
    changed = bytearray(content)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def edit_text(connection, chance, rows):
    seq, column = _some(chance, rows), chance.choice(["operation", "action", "subject", "subject_id"])
    before = rows[seq - 1][column]
    values = [None, "", "x", before and before.swapcase(), before and before + " ", before and before[1:]]
    after = chance.choice([one for one in values if one != before and (one is not None or column == "operation")])
    _set(connection, seq, column, after)


def edit_id(connection, chance, rows):
    seq, column = _some(chance, rows), chance.choice(["actor_id", "key_id"])
    before = rows[seq - 1][column]
    after = None if column == "key_id" and chance.random() < 0.3 else _flipped(chance, before.bytes).hex()
    _set(connection, seq, column, after)


def edit_time(connection, chance, rows):
    seq = _some(chance, rows)
    if chance.random() < 0.1:
        _set(connection, seq, "at", chance.choice(["infinity", "-infinity", "0044-03-15 BC", "294276-01-01"]))
        return
    by = chance.choice([-1, 1]) << chance.randrange(50)
    connection.execute("UPDATE vault.audit SET at = at + %s * interval '1 microsecond' WHERE seq = %s", [by, seq])


def edit_detail(connection, chance, rows):
    """Change one bit of what stands there, such that it still is JSON and not the same."""
    seq = _some(chance, rows)
    before = rows[seq - 1]["detail"]
    if before == {}:
        _set(connection, seq, "detail", Jsonb(chance.choice([{"version": 1}, {"ids": []}, {"": None}])))
        return
    while True:
        try:
            text = _flipped(chance, json.dumps(before).encode()).decode()
            if json.loads(text) != before and "\0" not in text and "\\u" not in text:
                break
        except ValueError:
            continue
    connection.execute("UPDATE vault.audit SET detail = %s::jsonb WHERE seq = %s", [text, seq])


def edit_number(connection, chance, rows):
    """One that is the same number, and yet was not written so."""
    with_number = [row["seq"] for row in rows if "version" in row["detail"]]
    seq = chance.choice(with_number)
    connection.execute("UPDATE vault.audit SET detail = detail || '{\"version\": 1.0}' WHERE seq = %s", [seq])


def edit_hash(connection, chance, rows):
    seq, column = _some(chance, rows), chance.choice(["hash", "previous_hash"])
    _set(connection, seq, column, _flipped(chance, bytes(rows[seq - 1][column])))


def edit_and_rehash(connection, chance, rows):
    """The own hash is right again; the row behind it is not."""
    seq = _some(chance, rows)
    _set(connection, seq, "action", "forged")
    _rehash(connection, seq)


def delete_one(connection, chance, rows):
    connection.execute("DELETE FROM vault.audit WHERE seq = %s", [_some(chance, rows, but_last=1)])


def delete_a_run(connection, chance, rows):
    first = _some(chance, rows, 2, 2)
    last = chance.randint(first, len(rows) - 1)
    connection.execute("DELETE FROM vault.audit WHERE seq BETWEEN %s AND %s", [first, last])
    if chance.random() < 0.5:
        connection.execute("UPDATE vault.audit SET seq = seq - %s WHERE seq > %s", [last - first + 1, last])


def swap(connection, chance, rows):
    one, other = sorted(chance.sample(range(1, len(rows) + 1), 2))
    if chance.random() < 0.3:
        other = one + 1 if one < len(rows) else one
        one = other - 1
    connection.execute("UPDATE vault.audit SET seq = %s + %s - seq WHERE seq IN (%s, %s)", [one, other, one, other])


def duplicate(connection, chance, rows):
    """Put a copy behind its row, at the end, or under the same number."""
    seq = _some(chance, rows)
    target = chance.choice([seq, seq + 1, len(rows) + 1])
    if target == seq + 1:
        _shift(connection, target, 1)
    copy = f"INSERT INTO vault.audit ({COLUMNS}) SELECT %s, {CONTENT} FROM vault.audit WHERE seq = %s"
    connection.execute(copy, [target, seq])


def insert_forged(connection, chance, rows):
    """Put a row in whose own hashes are right; those behind it are renumbered and keep theirs."""
    seq = _some(chance, rows)
    _shift(connection, seq, 1)
    connection.execute(
        f"""INSERT INTO vault.audit ({COLUMNS})
            SELECT %s, at, actor_id, key_id, operation, 'forged', subject, subject_id, detail,
                   coalesce((SELECT hash FROM vault.audit WHERE seq = %s), sha256('flashpoint')), ''
            FROM vault.audit WHERE seq = %s""",
        [seq, seq - 1, seq + 1],
    )
    _rehash(connection, seq)


def cut_the_start(connection, chance, rows):
    last = _some(chance, rows, but_last=2)
    connection.execute("DELETE FROM vault.audit WHERE seq <= %s", [last])
    if chance.random() < 0.6:
        _shift(connection, last, -last)
        if chance.random() < 0.5:
            _set(connection, 1, "previous_hash", bytes(rows[0]["previous_hash"]))
            _rehash(connection, 1)


def renumber(connection, chance, rows):
    _shift(connection, _some(chance, rows), chance.choice([1, 2, 1000]))


def reverse_a_run(connection, chance, rows):
    first = _some(chance, rows, but_last=3)
    last = chance.randint(first + 1, len(rows))
    connection.execute(
        "UPDATE vault.audit SET seq = %s + %s - seq WHERE seq BETWEEN %s AND %s", [first, last, first, last]
    )


def begin_anew(connection, chance, rows):
    """End the chain and begin another: what follows is right in itself."""
    seq = _some(chance, rows, 2)
    _set(connection, seq, "previous_hash", bytes(rows[0]["previous_hash"]))
    _rehash(connection, seq)
    if seq < len(rows):
        _remake(connection, seq + 1)


def cut_the_end(connection, chance, rows):
    connection.execute("DELETE FROM vault.audit WHERE seq >= %s", [_some(chance, rows)])


def make_anew(connection, chance, rows):
    """Change a row, and every hash from there on: a chain that is whole."""
    seq = _some(chance, rows)
    if chance.random() < 0.5:
        _set(connection, seq, "action", "forged")
    else:
        connection.execute("DELETE FROM vault.audit WHERE seq = %s", [seq])
        connection.execute("UPDATE vault.audit SET seq = seq - 1 WHERE seq > %s", [seq])
    _remake(connection, seq)


#: Without a head that was kept elsewhere these leave a log that is whole.
HEADLESS = (cut_the_end, make_anew)
INSIDE = (
    *(edit_text, edit_id, edit_time, edit_detail, edit_number, edit_hash, edit_and_rehash, delete_one, delete_a_run),
    *(swap, duplicate, insert_forged, cut_the_start, renumber, reverse_a_run, begin_anew),
)
MUTATIONS = (*INSIDE, *HEADLESS)
