-- How the rows of a matrix stand, by locality. That it says how many rows it gives keeps the planner from comparing each
-- with each: it believes of an array in a column that it has ten.
CREATE FUNCTION release.standing(of_operation text, of_audience text)
    RETURNS TABLE (locality_id uuid, rank int, rank_low int, rank_high int, top_k_share float8)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 5000 SET search_path = release, pg_temp AS $$
    SELECT u.* FROM release.matrix m CROSS JOIN LATERAL unnest(
        ARRAY(
            SELECT r.locality_id FROM release.matrix_row r
            WHERE r.operation = of_operation AND r.audience = of_audience ORDER BY r.locality_id
        ),
        m.rank, m.rank_low, m.rank_high, m.top_k_share
    ) AS u
    WHERE m.operation = of_operation AND m.audience = of_audience
$$;

REVOKE EXECUTE ON FUNCTION release.standing FROM PUBLIC;
GRANT EXECUTE ON FUNCTION release.standing TO flashpoint_reader;
