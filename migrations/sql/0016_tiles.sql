-- Areas on the grid of a zoom of web maps: whole numbers from the north-western corner of the world, where north is up no
-- more and outer rings go round as tiles have them. What is smaller than a unit is lost first.
CREATE FUNCTION release.on_grid(mercator public.geometry, zoom integer) RETURNS public.geometry
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT public.ST_SnapToGrid(
        public.ST_Affine(
            public.ST_ForcePolygonCW(
                public.ST_Simplify(mercator, 40075016.68557849 / 4096 / (1::bigint << zoom)::float8, true)
            ),
            4096 * (1::bigint << zoom)::float8 / 40075016.68557849, 0,
            0, -4096 * (1::bigint << zoom)::float8 / 40075016.68557849,
            2048 * (1::bigint << zoom)::float8, 2048 * (1::bigint << zoom)::float8
        ),
        1
    )
$$;

-- From which zoom on an area is sound on every grid, 15 where it is on none: there it is moved and snapped, and elsewhere
-- mended as well, which takes three times as long. Looked at when it is written, and not for every tile.
CREATE FUNCTION release.sound_from(mercator public.geometry) RETURNS smallint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = release, public, pg_temp
    SET client_min_messages = error AS $$
DECLARE
    sound integer := 15;
BEGIN
    WHILE sound > 0 LOOP
        IF ST_IsValid(on_grid(mercator, sound - 1)) IS NOT TRUE THEN
            RETURN sound;
        END IF;
        sound := sound - 1;
    END LOOP;
    RETURN sound;
END
$$;

REVOKE EXECUTE ON FUNCTION release.on_grid, release.sound_from FROM PUBLIC;
GRANT EXECUTE ON FUNCTION release.on_grid, release.sound_from TO flashpoint_assessor;
GRANT EXECUTE ON FUNCTION release.on_grid TO flashpoint_reader;
