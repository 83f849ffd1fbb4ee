from django.db import migrations

# What each play was becomes its first version, published, with one step; what it opened becomes
# the entries that it was opened for.
MOVE = """
INSERT INTO success_playversion
    (play_id, number, status, aim, aim_condition, aim_days, start_kind, start, audience, stop,
     reentry, reentry_days, queue_class, held_percent, salt, never_withheld, most_a_night,
     effective_from, too_late_days, change_note, revision, published_at)
SELECT id, 1, 'published', aim, NULL, 30, start_kind, start, audience, NULL,
       'occurrence', 0, queue_class, 0, key, FALSE, NULL,
       effective_from, too_late_days, '', 0, now()
  FROM success_play;
UPDATE success_play p SET current_id = v.id FROM success_playversion v WHERE v.play_id = p.id;
INSERT INTO success_playstep
    (version_id, position, intent, act, changes, wait_days, minutes, due_days, template_id)
SELECT v.id, 1, 'ask', p.act, 'channel', 0, p.minutes, p.due_days, p.template_id
  FROM success_play p JOIN success_playversion v ON v.play_id = p.id;
INSERT INTO success_enrolment
    (play_id, version_id, member_id, occurrence, occurred_on, entered_on, segment_id, state,
     ended_on, "end", end_reason)
SELECT i.play_id, v.id, i.member_id, i.occurrence, i.occurred_on, i.opened_on, NULL,
       coalesce(i.evidence ->> 'state', ''),
       CASE WHEN i.status IN ('done', 'closed')
            THEN coalesce(i.finished_at::date, i.opened_on) END,
       CASE i.status WHEN 'done' THEN 'done' WHEN 'closed' THEN 'gone' ELSE '' END,
       ''
  FROM success_intervention i JOIN success_playversion v ON v.play_id = i.play_id;
UPDATE success_intervention i
   SET enrolment_id = e.id, step_id = s.id
  FROM success_enrolment e
  JOIN success_playstep s ON s.version_id = e.version_id
 WHERE e.play_id = i.play_id AND e.member_id = i.member_id AND e.occurrence = i.occurrence;
"""
BACK = """
UPDATE success_intervention SET enrolment_id = NULL, step_id = NULL;
DELETE FROM success_enrolment;
UPDATE success_play SET current_id = NULL;
DELETE FROM success_playstep;
DELETE FROM success_playversion;
"""


class Migration(migrations.Migration):
    dependencies = [("success", "0008_plays_have_versions_and_steps")]

    operations = [migrations.RunSQL(MOVE, BACK)]
