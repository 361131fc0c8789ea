-- Saves a view of a list under its name, in the place of one of the same name.
INSERT INTO saved_views (id, person, page, name, query, created_at) VALUES ($id, $person, $page, $name, $query, $now)
ON CONFLICT (person, page, name) DO UPDATE SET query = excluded.query
