"""Milestones whose evidence is in the facts, achieved on the fact's date.

An evidence rule is data, ``{"rule": name, …}``, over stretches of involvement that reach into
the plan (those that ended before its anchor are another story):

* ``first`` (areas): the first involvement in any of the areas;
* ``subjects`` (areas, count): involvement in that many different subjects;
* ``peers`` (areas, count): involvement in a subject at the same time as people of that many
  other members;
* ``kept`` (areas, days): involvement that has not been interrupted for that many days.

The day of ``kept`` may lie ahead; readers count evidence only once its day has come, and a
change of facts before then takes it back. Milestones that people have spoken about (with
events) are left to those events, and those carried over from an earlier goal stay as they are.

A version is watched until it ends. The first agreed version of a plan that was re-planned is
watched until the last of its line ends, so that what the new days hide stays known, also where
they no longer have one of its milestones.
"""

from datetime import date

from django.db import connection

from members.rollups.scope import Scope, Written

# Involvement that reaches into a path, once for each set of areas that a kind of rule names.
STRETCH = """
    SELECT asked.asks, path.path_id, path.anchor_on,
           i.member_id, i.area, i.subject, i.starts_on, i.ends_on
    FROM path
    CROSS JOIN (SELECT DISTINCT asks, areas FROM rule WHERE name IN ({kinds})) AS asked
    JOIN engagement_involvement i
        ON i.member_id = path.member_id AND {{scope_involvement}} AND i.area = ANY (asked.areas)
       AND (i.ends_on IS NULL OR i.ends_on > path.anchor_on)
       AND (path.closed_on IS NULL OR i.starts_on < path.closed_on)
"""

EVIDENCE = f"""
rule AS (
    -- sets of areas by number: rows are sorted and joined by it, and arrays compare slowly
    SELECT stated.*, dense_rank() OVER (ORDER BY areas)::int AS asks FROM stated
),
subject_counted AS (
    SELECT asks, path_id, anchor_on, array_agg(since ORDER BY since) AS since
    FROM (
        SELECT asks, path_id, anchor_on, min(starts_on) AS since
        FROM ({STRETCH.format(kinds="'first', 'subjects'")}) AS s
        GROUP BY asks, path_id, anchor_on, subject COLLATE "C"
    ) AS seen
    GROUP BY asks, path_id, anchor_on
),
peer_seen AS (
    SELECT s.asks, s.path_id, s.anchor_on, other.member_id,
           min(greatest(s.starts_on, other.starts_on)) AS since
    FROM ({STRETCH.format(kinds="'peers'")}) AS s
    JOIN engagement_involvement other
        ON other.area = s.area AND other.subject = s.subject
       AND other.member_id <> s.member_id
       AND (other.ends_on IS NULL OR other.ends_on > greatest(s.starts_on, s.anchor_on))
       AND (s.ends_on IS NULL OR other.starts_on < s.ends_on)
    GROUP BY s.asks, s.path_id, s.anchor_on, other.member_id
),
peer_counted AS (
    SELECT s.*, row_number() OVER (PARTITION BY asks, path_id ORDER BY since) AS place
    FROM peer_seen s
),
unbroken AS (
    SELECT asks, path_id, anchor_on, lower(run) AS starts_on, upper(run) AS ends_on
    FROM (
        SELECT asks, path_id, anchor_on,
               unnest(range_agg(daterange(starts_on, ends_on))) AS run
        FROM ({STRETCH.format(kinds="'kept'")}) AS s
        GROUP BY asks, path_id, anchor_on
    ) AS runs
),
evidence AS (
    SELECT r.id AS rule_id, c.path_id,
           greatest(c.since[coalesce(r.wanted, 1)], c.anchor_on) AS achieved_on
    FROM rule r
    JOIN subject_counted c ON c.asks = r.asks
    WHERE r.name IN ('first', 'subjects') AND cardinality(c.since) >= coalesce(r.wanted, 1)
    UNION ALL
    SELECT r.id, c.path_id, greatest(c.since, c.anchor_on)
    FROM rule r
    JOIN peer_counted c ON c.asks = r.asks AND c.place = r.wanted
    WHERE r.name = 'peers'
    UNION ALL
    SELECT r.id, u.path_id, min(greatest(u.starts_on, u.anchor_on) + r.days)
    FROM rule r
    JOIN unbroken u ON u.asks = r.asks
    WHERE r.name = 'kept'
      AND (u.ends_on IS NULL OR u.ends_on >= greatest(u.starts_on, u.anchor_on) + r.days)
    GROUP BY r.id, u.path_id
)
"""

RULE = """
    SELECT {rule_id} AS id, {rule} ->> 'rule' AS name,
           ARRAY(SELECT jsonb_array_elements_text({rule} -> 'areas')) AS areas,
           ({rule} ->> 'count')::int AS wanted, ({rule} ->> 'days')::int AS days
"""

REFRESH = f"""
WITH spoken AS (
    SELECT DISTINCT e.milestone_id
    FROM success_milestoneevent e
    JOIN success_milestone m ON m.id = e.milestone_id
    JOIN success_plan p ON p.id = m.plan_id
    WHERE {{scope}}
),
watched AS (
    SELECT m.id, m.plan_id, m.evidence_rule, m.evidence_dates,
           -- of many milestones and few rules: a number is compared sooner than a document
           jsonb_hash_extended(m.evidence_rule, 0) AS rule_hash
    FROM success_milestone m
    JOIN success_plan p ON p.id = m.plan_id
    WHERE {{scope}} AND m.evidence_rule <> '{{{{}}}}' AND NOT m.is_carried_over
      AND NOT EXISTS (SELECT 1 FROM spoken WHERE spoken.milestone_id = m.id)
),
distinct_rule AS (
    SELECT w.rule_hash AS id, w.evidence_rule
    FROM watched w
    JOIN (SELECT min(id) AS id FROM watched GROUP BY rule_hash) AS first ON first.id = w.id
),
stated AS ({RULE.format(rule_id="id", rule="evidence_rule")} FROM distinct_rule),
line AS (
    -- when the last version ends that re-plans a first agreed one; null while it is open
    SELECT p.baseline_id,
           nullif(max(coalesce(p.closed_on, 'infinity')), 'infinity') AS closed_on
    FROM success_plan p
    WHERE {{scope}} AND p.baseline_id IS NOT NULL
    GROUP BY p.baseline_id
),
path AS (
    SELECT p.id AS path_id, p.member_id, p.anchor_on,
           CASE WHEN line.baseline_id IS NULL THEN p.closed_on ELSE line.closed_on END
               AS closed_on
    FROM success_plan p
    LEFT JOIN line ON line.baseline_id = p.id
    WHERE {{scope}}
),
{EVIDENCE},
different AS MATERIALIZED (
    -- found before anything is written: the update then looks up these few and scans nothing
    SELECT w.id, e.achieved_on
    FROM watched w
    LEFT JOIN evidence e ON e.rule_id = w.rule_hash AND e.path_id = w.plan_id
    WHERE w.evidence_dates IS DISTINCT FROM
          CASE WHEN e.achieved_on IS NOT NULL THEN ARRAY[e.achieved_on] END
),
written AS (
    UPDATE success_milestone m
    SET evidence_dates = CASE WHEN d.achieved_on IS NOT NULL THEN ARRAY[d.achieved_on] END,
        evidence_source = CASE WHEN d.achieved_on IS NULL THEN '' ELSE 'derived' END
    FROM different d
    WHERE d.id = m.id
    RETURNING 1
)
SELECT (SELECT count(*) FROM watched), (SELECT count(*) FROM written)
"""

SPELLS = f"""
WITH stated AS (
    {RULE.format(rule_id="m.id", rule="m.evidence_rule")}
    FROM success_templatemilestone m
    WHERE m.template_id = %(template)s AND m.evidence_rule <> '{{{{}}}}'
),
path AS (
    SELECT spell.id AS path_id, spell.member_id, spell.anchor_on, spell.closed_on
    FROM unnest(%(members)s::bigint[], %(anchors)s::date[], %(closings)s::date[])
        WITH ORDINALITY AS spell (member_id, anchor_on, closed_on, id)
),
{EVIDENCE}
SELECT path_id, rule_id, achieved_on FROM evidence
"""


def refresh(*, scope: Scope) -> Written:
    """Bring the derived evidence of every plan in ``scope`` to what the facts say.

    Writes ``evidence_dates`` and its source where they differ; a second run writes nothing.
    """
    with connection.cursor() as cursor:
        statement = REFRESH.format(
            scope=scope.condition("p.member_id"),
            scope_involvement=scope.condition("i.member_id"),
        )
        cursor.execute(statement, scope.parameters)
        return Written(*cursor.fetchone())


def evidence_of_spells(
    *, template_id: int, spells: list[tuple[int, date, date | None]]
) -> dict[tuple[int, int], date]:
    """When each spell would have reached each milestone of a template.

    ``spells`` are (member id, first day, first day after or null). The answer is keyed by
    (index of the spell, id of the template's milestone); what was not reached is absent.
    """
    members, anchors, closings = zip(*spells, strict=True) if spells else ((), (), ())
    with connection.cursor() as cursor:
        cursor.execute(
            SPELLS.format(scope_involvement="TRUE"),
            {
                "template": template_id,
                "members": list(members),
                "anchors": list(anchors),
                "closings": list(closings),
            },
        )
        return {(path - 1, rule): on for path, rule, on in cursor.fetchall()}
